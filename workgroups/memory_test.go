package workgroups_test

import (
	"testing"

	"adminbot/workgroups"
	"adminbot/workgroups/storetest"
)

func TestMemory(t *testing.T) {
	all := map[string]*workgroups.Memory{}
	storetest.Test(t, func(t testing.TB) (workgroups.Store, func()) {
		if all[t.Name()] == nil {
			all[t.Name()] = &workgroups.Memory{}
		}
		return all[t.Name()], func() {}
	})
}
