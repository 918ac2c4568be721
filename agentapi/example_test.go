package agentapi_test

import (
	"fmt"

	"adminbot/agentapi"
)

// A caller makes checked arguments of what somebody typed.
func ExampleSpec_Bind() {
	spec, _ := agentapi.Lookup("service.restart")
	_, wire, err := spec.Bind(map[string]any{"unit": "nginx", "wait_seconds": "10"})
	fmt.Println(wire, err)
	_, _, err = spec.Bind(map[string]any{"unit": "nginx", "wait_seconds": "600"})
	fmt.Println(err)
	// Output:
	// map[unit:nginx.service wait_seconds:10] <nil>
	// agentapi: service.restart: argument wait_seconds is 600: at most 120 seconds
}

// A responder decodes over the defaults, checks, and learns what the call needs.
func ExampleSpec_For() {
	args := agentapi.ProcListArgs{}
	list := agentapi.Spec(agentapi.ProcList)
	list.Defaults(&args)
	args.Args = true // as the caller sent it
	fmt.Println(list.Check(&args), args.Limit)
	fmt.Println(list.For(&args))
	// Output:
	// <nil> 20
	// S proc.args
}

func ExampleMood_Status() {
	m := agentapi.Mood{Mood: agentapi.Sad, Score: 40, Reasons: []agentapi.MoodReason{{Check: "cpu", Points: 40, Text: "need more CPU"}}}
	fmt.Printf("show=%q status=%q\n", m.Show(), m.Status())
	// Output: show="away" status="Sad: need more CPU"
}
