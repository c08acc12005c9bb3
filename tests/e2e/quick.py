# SPDX-License-Identifier: Apache-2.0
"""What `make check` runs: seconds each, of every command some, with the host's Python alone and no container."""

TESTS = (
    "test_agent.py::test_program_of_the_host",
    "test_bad_input.py::test_help", "test_bad_input.py::test_no_such_process", "test_bad_input.py::test_wrong_usage",
    "test_bad_input.py::test_collector_port_taken",
    "test_check.py::test_identical_sides_pass", "test_check.py::test_regression_names", "test_check.py::test_wrong_calls",
    "test_check.py::test_diff_shows_what_is_new_and_gone", "test_check.py::test_one_run_only_is_invalid",
    "test_convert.py::test_several_files_become_one", "test_convert.py::test_what_is_no_profile_is_refused",
    "test_delivery.py::test_spool_that_cannot_be_used_is_refused",
    "test_destinations.py::test_what_cannot_work_is_refused_at_the_start",
    "test_doctor.py::test_root_may_do_everything", "test_doctor.py::test_readme_has_the_same_table",
    "test_dump.py::test_stack_of_a_sleeper",
    "test_health.py::test_wrong_options", "test_health.py::test_port_that_is_taken",
    "test_install.py::test_the_page_",
    "test_launch.py::test_command_is_sampled", "test_launch.py::test_status[", "test_launch.py::test_no_python",
    "test_ps.py::test_says_why_one_cannot_be_profiled",
    "test_pyflame.py::test_monitor", "test_pyflame.py::test_trace", "test_pyflame.py::test_thread_dump",
    "test_pyflame.py::test_invalid_pid", "test_pyflame.py::test_version",
    "test_record.py::test_shares_by_pid", "test_record.py::test_fixed_path_is_exact",
    "test_selection.py::test_wrong_rules_are_refused",
    "test_top.py::test_true_shares_as_tables", "test_top.py::test_wrong_usage",
)
SLOW = ("docker", "bare", "pyenv")


def is_quick(item):
    name = item.nodeid.rpartition("/")[2]
    return name.startswith(TESTS) and not any(word in item.name for word in SLOW)
