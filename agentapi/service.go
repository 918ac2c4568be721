package agentapi

import "time"

// The methods about services, by any init system that the host has.
var (
	ServiceList = Define[ServiceListArgs, ServiceListResult](Spec{
		Name: "service.list", Permission: "service.read", Class: Read, Timeout: 15 * time.Second, Built: true,
		Help:  "Lists services and their state.",
		Words: []string{"services", "list services", "service list", "units", "list units", "daemons"},
		Sayings: []Saying{
			{Words: []string{"failed services", "failed units", "broken services", "which services failed"}, Args: map[string]any{"state": "failed"}},
			{Words: []string{"running services", "active services"}, Args: map[string]any{"state": "active"}},
			{Words: []string{"stopped services", "inactive services"}, Args: map[string]any{"state": "inactive"}},
		},
	})
	ServiceStatus = Define[ServiceStatusArgs, ServiceStatusResult](Spec{
		Name: "service.status", Permission: "service.read", Class: Read, Timeout: 15 * time.Second, Built: true,
		Privilege: "group systemd-journal for log lines",
		Help:      "Says how one service is: state, since when, main process, restarts, and its last log lines if asked.",
		Words:     []string{"status", "status of", "service status", "is running", "running", "state of", "how is service", "is active"},
	})
	ServiceStart = Define[ServiceArgs, ServiceChangeResult](Spec{
		Name: "service.start", Permission: "service.start", Class: Write, Lane: LaneHost, Timeout: 150 * time.Second, Job: true, Built: true,
		Privilege: "polkit rule for manage-units with this unit and verb",
		Help:      "Starts a service and waits until it is up.",
		Words:     []string{"start", "start up", "bring up", "fire up", "launch", "turn on", "spin up"},
	})
	ServiceStop = Define[ServiceExpectArgs, ServiceChangeResult](Spec{
		Name: "service.stop", Permission: "service.stop", Class: Disrupt, Lane: LaneHost, Timeout: 150 * time.Second, Job: true, Built: true,
		Privilege: "polkit rule for manage-units with this unit and verb",
		Help:      "Stops a service and waits until it is down.",
		Words:     []string{"stop", "shut down", "bring down", "take down", "turn off", "halt"},
	})
	ServiceRestart = Define[ServiceExpectArgs, ServiceChangeResult](Spec{
		Name: "service.restart", Permission: "service.restart", Class: Disrupt, Lane: LaneHost, Timeout: 150 * time.Second, Job: true, Built: true,
		Privilege: "polkit rule for manage-units with this unit and verb",
		Help:      "Restarts a service and waits until it is up again.",
		Words:     []string{"restart", "bounce", "kick", "cycle", "recycle", "roll", "stop and start", "respawn"},
	})
	ServiceReload = Define[ServiceArgs, ServiceChangeResult](Spec{
		Name: "service.reload", Permission: "service.reload", Class: Write, Lane: LaneHost, Timeout: 150 * time.Second, Job: true, Built: true,
		Privilege: "polkit rule for manage-units with this unit and verb",
		Help:      "Makes a service read its configuration again without stopping.",
		Words:     []string{"reload", "hup", "sighup", "reread config", "reload config", "re-read the config"},
	})
)

func serviceMethods() []Spec {
	return []Spec{ServiceList.Spec, ServiceStatus.Spec, ServiceStart.Spec, ServiceStop.Spec, ServiceRestart.Spec, ServiceReload.Spec}
}

type ServiceListArgs struct {
	State   string `rpc:"state,omitempty" validate:"oneof=failed active inactive all" default:"all" words:"state" values:"failed=failed|broken|crashed;active=active|running|up;inactive=inactive|stopped|down|dead"`
	Pattern string `rpc:"pattern,omitempty" validate:"omitempty,glob" words:"matching,like,named"`
}

type ServiceListResult struct {
	Common
	Page
	Units []UnitState `rpc:"units"`
}

// UnitState is a service's state in systemd's words, whatever the init system.
type UnitState struct {
	Unit        string    `rpc:"unit" words:"unit,service,name"`
	Load        string    `rpc:"load" help:"loaded, not-found, masked, error"`
	Active      string    `rpc:"active" words:"active,state,status" values:"active=active|running|up;inactive=inactive|stopped|down;failed=failed|broken|crashed" help:"active, inactive, failed, activating, deactivating, reloading"`
	Sub         string    `rpc:"sub" words:"substate" help:"running, exited, dead, …"`
	Description string    `rpc:"description,omitempty" words:"description"`
	Enabled     string    `rpc:"enabled,omitempty" words:"enabled" help:"enabled, disabled, static, masked, …"`
	Since       time.Time `rpc:"since,omitempty" words:"since" help:"when it entered this state"`
	Restarts    *int32    `rpc:"restarts,omitempty" words:"restarts" agg:"sum,max" help:"automatic ones"`
	MemoryBytes *int64    `rpc:"memory_bytes,omitempty" words:"memory,memory usage" agg:"sum,max"`
}

type ServiceStatusArgs struct {
	Unit     string `rpc:"unit" validate:"required,unit" words:"service,unit"`
	LogLines int32  `rpc:"log_lines,omitempty" validate:"min=0,max=50" default:"0" raises:"S" words:"with log lines,with lines" help:"how many of its last log lines"`
}

type ServiceStatusResult struct {
	Common
	UnitState
	MainPID  *int32   `rpc:"main_pid,omitempty" words:"pid,main pid"`
	ExitCode *int32   `rpc:"exit_code,omitempty" words:"exit code" help:"of the last main process that ended"`
	Result   string   `rpc:"result,omitempty" words:"result" help:"success, exit-code, signal, timeout, …"`
	Log      []string `rpc:"log,omitempty"`
}

type ServiceArgs struct {
	Unit        string `rpc:"unit" validate:"required,unit" words:"service,unit"`
	WaitSeconds *int32 `rpc:"wait_seconds,omitempty" validate:"omitempty,min=0,max=120" default:"30" words:"wait,waiting" help:"how long to wait for the new state; 0 answers at once with a job"`
}

type ServiceExpectArgs struct {
	Unit         string `rpc:"unit" validate:"required,unit" words:"service,unit"`
	WaitSeconds  *int32 `rpc:"wait_seconds,omitempty" validate:"omitempty,min=0,max=120" default:"30" words:"wait,waiting" help:"how long to wait for the new state; 0 answers at once with a job"`
	ExpectActive *bool  `rpc:"expect_active,omitempty" words:"only if running" help:"refuse (409) when the service is not so now"`
}

type ServiceChangeResult struct {
	Common
	Unit    string   `rpc:"unit"`
	Before  string   `rpc:"before" help:"the active state before"`
	After   string   `rpc:"after" help:"and after"`
	Active  bool     `rpc:"active"`
	Sub     string   `rpc:"sub"`
	MainPID *int32   `rpc:"main_pid,omitempty"`
	Log     []string `rpc:"log,omitempty" help:"its last lines, when it went wrong"`
	Job     string   `rpc:"job,omitempty" help:"when it was not done within wait_seconds"`
}
