// SPDX-License-Identifier: Apache-2.0

// What Pyroscope's own code makes of a push: its generated handler takes the
// request apart, its generated messages the profiles in it. Each series becomes a
// line of JSON on standard output.
//
//	pyroscope ADDRESS
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"

	"connectrpc.com/connect"
	googlev1 "github.com/grafana/pyroscope/api/gen/proto/go/google/v1"
	pushv1 "github.com/grafana/pyroscope/api/gen/proto/go/push/v1"
	"github.com/grafana/pyroscope/api/gen/proto/go/push/v1/pushv1connect"
)

type frame struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int64  `json:"line"`
}

type sample struct {
	Stack  []frame `json:"stack"` // innermost first
	Values []int64 `json:"values"`
}

type series struct {
	Labels  map[string]string `json:"labels"`
	Types   []string          `json:"types"`
	Samples []sample          `json:"samples"`
}

type pusher struct {
	lock sync.Mutex
	out  *json.Encoder
}

// A profile may be packed by itself, or with the whole push.
func unpack(profile []byte) ([]byte, error) {
	if !bytes.HasPrefix(profile, []byte{0x1f, 0x8b}) {
		return profile, nil
	}
	reader, err := gzip.NewReader(bytes.NewReader(profile))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}

func parse(packed []byte) (*googlev1.Profile, error) {
	plain, err := unpack(packed)
	if err != nil {
		return nil, err
	}
	profile := &googlev1.Profile{}
	return profile, profile.UnmarshalVT(plain)
}

func stack(profile *googlev1.Profile, ids []uint64) []frame {
	locations := map[uint64]*googlev1.Location{}
	for _, location := range profile.Location {
		locations[location.Id] = location
	}
	functions := map[uint64]*googlev1.Function{}
	for _, function := range profile.Function {
		functions[function.Id] = function
	}
	frames := []frame{}
	for _, id := range ids {
		for _, line := range locations[id].Line {
			f := functions[line.FunctionId]
			frames = append(frames, frame{profile.StringTable[f.Name], profile.StringTable[f.Filename], line.Line})
		}
	}
	return frames
}

func (p *pusher) Push(_ context.Context, request *connect.Request[pushv1.PushRequest]) (*connect.Response[pushv1.PushResponse], error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	for _, pushed := range request.Msg.Series {
		one := series{Labels: map[string]string{}, Types: []string{}, Samples: []sample{}}
		for _, label := range pushed.Labels {
			one.Labels[label.Name] = label.Value
		}
		for _, raw := range pushed.Samples {
			profile, err := parse(raw.RawProfile)
			if err != nil {
				return nil, connect.NewError(connect.CodeInvalidArgument, err)
			}
			for _, kind := range profile.SampleType {
				one.Types = append(one.Types, profile.StringTable[kind.Type]+"/"+profile.StringTable[kind.Unit])
			}
			for _, s := range profile.Sample {
				one.Samples = append(one.Samples, sample{stack(profile, s.LocationId), s.Value})
			}
		}
		if err := p.out.Encode(one); err != nil {
			return nil, err
		}
	}
	return connect.NewResponse(&pushv1.PushResponse{}), nil
}

func main() {
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(pushv1connect.NewPusherServiceHandler(&pusher{out: json.NewEncoder(os.Stdout)}))
	fmt.Fprintln(os.Stderr, "ready")
	log.Fatal(http.Serve(listener, mux))
}
