// SPDX-License-Identifier: Apache-2.0
//
// The chart's numbers: an answer of /timeline. Steps are whole multiples of their length. How a later one, which has only what
// is new, continues it.

function sameGroups(old, news) {
  const known = new Set(old.groups.map(({ value, others }) => `${Boolean(others)} ${value}`));
  return news.groups.every(({ value, others }) => known.has(`${Boolean(others)} ${value}`));
}

// From where on steps of @old may have grown since: the last two are not full yet. Null if all has to be asked for.
export function sinceOf(old) {
  if (!old) return null;
  const { start, to, step } = old.meta;
  return Math.max(start, Math.floor(to / step) * step - 2 * step);
}

// @old with @news in place of its end, as of the news' range. Null if they do not fit: other groups, other steps.
export function continued(old, news) {
  const { step, from, to, start: since } = news.meta;
  if (step !== old.meta.step || news.meta.mode !== old.meta.mode || !sameGroups(old, news)) return null;
  const begin = Math.floor(from / step) * step;
  const kept = Math.round((since - begin) / step);
  const skipped = Math.round((begin - old.meta.start) / step);
  if (kept < 0 || skipped < 0 || since > to) return null;
  const groups = old.groups.map((group) => {
    const later = news.groups.find(({ value, others }) => value === group.value && Boolean(others) === Boolean(group.others));
    const join = (key) => {
      const earlier = Array.from({ length: kept }, (_, i) => group[key][skipped + i] || 0);
      return [...earlier, ...(later ? later[key] : [])];
    };
    return { ...group, seconds: join("seconds"), samples: join("samples") };
  });
  const joined = (key, at) => [
    ...old[key].filter((one) => at(one) >= from && at(one) < since),
    ...news[key].filter((one) => at(one) >= since),
  ];
  return {
    ...news,
    meta: { ...news.meta, start: begin },
    groups: groups.filter(({ seconds }) => seconds.some(Boolean)),
    gaps: joined("gaps", (gap) => gap.to),
    marks: joined("marks", (mark) => mark.at),
  };
}
