package agentapi

import "time"

// The methods about services, by any init system that the host has.
var (
	ServiceList = Define[ServiceListArgs, ServiceListResult](Spec{
		Name: "service.list", Permission: "service.read", Class: Read, Timeout: 15 * time.Second, Built: true,
		Help: "Lists services and their state.",
	})
	ServiceStatus = Define[ServiceStatusArgs, ServiceStatusResult](Spec{
		Name: "service.status", Permission: "service.read", Class: Read, Timeout: 15 * time.Second, Built: true,
		Privilege: "group systemd-journal for log lines",
		Help:      "Says how one service is: state, since when, main process, restarts, and its last log lines if asked.",
	})
	ServiceStart = Define[ServiceArgs, ServiceChangeResult](Spec{
		Name: "service.start", Permission: "service.start", Class: Write, Lane: LaneHost, Timeout: 150 * time.Second, Job: true, Built: true,
		Privilege: "polkit rule for manage-units with this unit and verb",
		Help:      "Starts a service and waits until it is up.",
	})
	ServiceStop = Define[ServiceExpectArgs, ServiceChangeResult](Spec{
		Name: "service.stop", Permission: "service.stop", Class: Disrupt, Lane: LaneHost, Timeout: 150 * time.Second, Job: true, Built: true,
		Privilege: "polkit rule for manage-units with this unit and verb",
		Help:      "Stops a service and waits until it is down.",
	})
	ServiceRestart = Define[ServiceExpectArgs, ServiceChangeResult](Spec{
		Name: "service.restart", Permission: "service.restart", Class: Disrupt, Lane: LaneHost, Timeout: 150 * time.Second, Job: true, Built: true,
		Privilege: "polkit rule for manage-units with this unit and verb",
		Help:      "Restarts a service and waits until it is up again.",
	})
	ServiceReload = Define[ServiceArgs, ServiceChangeResult](Spec{
		Name: "service.reload", Permission: "service.reload", Class: Write, Lane: LaneHost, Timeout: 150 * time.Second, Job: true, Built: true,
		Privilege: "polkit rule for manage-units with this unit and verb",
		Help:      "Makes a service read its configuration again without stopping.",
	})
)

func serviceMethods() []Spec {
	return []Spec{Spec(ServiceList), Spec(ServiceStatus), Spec(ServiceStart), Spec(ServiceStop), Spec(ServiceRestart), Spec(ServiceReload)}
}

type ServiceListArgs struct {
	State   string `rpc:"state,omitempty" validate:"oneof=failed active inactive all" default:"all"`
	Pattern string `rpc:"pattern,omitempty" validate:"omitempty,glob"`
	Next    string `rpc:"next,omitempty" validate:"max=128"`
}

type ServiceListResult struct {
	Common
	Page
	Units []UnitState `rpc:"units"`
}

// UnitState is a service's state in systemd's words, whatever the init system.
type UnitState struct {
	Unit        string    `rpc:"unit"`
	Load        string    `rpc:"load" help:"loaded, not-found, masked, error"`
	Active      string    `rpc:"active" help:"active, inactive, failed, activating, deactivating, reloading"`
	Sub         string    `rpc:"sub" help:"running, exited, dead, …"`
	Description string    `rpc:"description,omitempty"`
	Enabled     string    `rpc:"enabled,omitempty" help:"enabled, disabled, static, masked, …"`
	Since       time.Time `rpc:"since,omitempty" help:"when it entered this state"`
	Restarts    *int32    `rpc:"restarts,omitempty" agg:"sum,max" help:"automatic ones"`
	MemoryBytes *int64    `rpc:"memory_bytes,omitempty" agg:"sum,max"`
}

type ServiceStatusArgs struct {
	Unit     string `rpc:"unit" validate:"required,unit"`
	LogLines int32  `rpc:"log_lines,omitempty" validate:"min=0,max=50" default:"0" raises:"S" help:"how many of its last log lines"`
}

type ServiceStatusResult struct {
	Common
	UnitState
	MainPID  *int32   `rpc:"main_pid,omitempty"`
	ExitCode *int32   `rpc:"exit_code,omitempty" help:"of the last main process that ended"`
	Result   string   `rpc:"result,omitempty" help:"success, exit-code, signal, timeout, …"`
	Log      []string `rpc:"log,omitempty"`
}

type ServiceArgs struct {
	Unit        string `rpc:"unit" validate:"required,unit"`
	WaitSeconds *int32 `rpc:"wait_seconds,omitempty" validate:"omitempty,min=0,max=120" default:"30" help:"how long to wait for the new state; 0 answers at once with a job"`
}

type ServiceExpectArgs struct {
	Unit         string `rpc:"unit" validate:"required,unit"`
	WaitSeconds  *int32 `rpc:"wait_seconds,omitempty" validate:"omitempty,min=0,max=120" default:"30" help:"how long to wait for the new state; 0 answers at once with a job"`
	ExpectActive *bool  `rpc:"expect_active,omitempty" help:"refuse (409) when the service is not so now"`
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
