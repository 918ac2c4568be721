package agentapi

import "time"

// The methods about the machine as a whole.
var (
	HostInfo = Define[NoArgs, HostInfoResult](Spec{
		Name: "host.info", Permission: "host.read", Class: Read, Timeout: 10 * time.Second, Built: true,
		Help: "Says what machine this is: system, kernel, size, uptime, clock, and whether it wants a reboot.",
	})
	HostFacts = Define[HostFactsArgs, HostFactsResult](Spec{
		Name: "host.facts", Permission: "host.read", Class: Read, Timeout: 10 * time.Second, Built: true,
		Help: "Lists the host's facts: what it found about itself and what the site says about it (role, env, site).",
	})
	HostReboot = Define[HostRebootArgs, HostRebootResult](Spec{
		Name: "host.reboot", Permission: "host.reboot", Class: Disrupt, Lane: LaneHost, Timeout: 30 * time.Second, Job: true,
		Privilege: "login1 over D-Bus with a polkit rule",
		Help:      "Reboots the machine after a delay in which it can be cancelled.",
	})
)

func hostMethods() []Spec { return []Spec{Spec(HostInfo), Spec(HostFacts), Spec(HostReboot)} }

type HostInfoResult struct {
	Common
	Hostname       string    `rpc:"hostname"`
	FQDN           string    `rpc:"fqdn,omitempty"`
	OS             string    `rpc:"os" help:"with its major version: debian12"`
	OSVersion      string    `rpc:"os_version" help:"as it names itself: Debian GNU/Linux 12 (bookworm)"`
	Kernel         string    `rpc:"kernel"`
	Arch           string    `rpc:"arch"`
	Virtualization string    `rpc:"virtualization,omitempty" help:"kvm, docker, …; absent on bare metal"`
	BootAt         time.Time `rpc:"boot_at"`
	UptimeSeconds  int64     `rpc:"uptime_seconds" agg:"min,max"`
	CPUCount       int32     `rpc:"cpu_count" agg:"sum"`
	MemoryBytes    int64     `rpc:"memory_bytes" agg:"sum"`
	ClockOffsetMS  *float64  `rpc:"clock_offset_ms,omitempty" help:"as the kernel's clock discipline estimates it"`
	ClockSynced    bool      `rpc:"clock_synced"`
	RebootRequired bool      `rpc:"reboot_required"`
	RebootReasons  []string  `rpc:"reboot_reasons,omitempty" help:"the packages that ask for it"`
	RebootSince    time.Time `rpc:"reboot_since,omitempty" help:"since when a reboot has been asked for"`
}

type HostFactsArgs struct {
	Keys []string `rpc:"keys,omitempty" validate:"max=64,dive,glob" help:"names or globs of facts; all without it"`
}

type HostFactsResult struct {
	Common
	Facts  map[string]string `rpc:"facts" help:"dotted keys"`
	Errors []string          `rpc:"errors,omitempty" help:"fact files that could not be read"`
}

type HostRebootArgs struct {
	DelaySeconds *int32 `rpc:"delay_seconds,omitempty" validate:"omitempty,min=0,max=3600" default:"60"`
	Reason       string `rpc:"reason,omitempty" validate:"max=200"`
}

type HostRebootResult struct {
	Common
	ScheduledAt time.Time `rpc:"scheduled_at"`
	Job         string    `rpc:"job"`
}
