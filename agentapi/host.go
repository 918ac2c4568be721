package agentapi

import "time"

// The methods about the machine as a whole.
var (
	HostInfo = Define[NoArgs, HostInfoResult](Spec{
		Name: "host.info", Permission: "host.read", Class: Read, Timeout: 10 * time.Second, Built: true,
		Help: "Says what machine this is: system, kernel, size, uptime, clock, and whether it wants a reboot.",
		Words: []string{"host info", "host information", "info", "machine info", "system info", "about", "uptime", "kernel",
			"kernel version", "os version", "what os", "uname", "boot time", "last boot", "needs a reboot", "reboot required",
			"clock offset", "clock skew"},
		Sayings: nil,
	})
	HostFacts = Define[HostFactsArgs, HostFactsResult](Spec{
		Name: "host.facts", Permission: "host.read", Class: Read, Timeout: 10 * time.Second, Built: true,
		Help:  "Lists the host's facts: what it found about itself and what the site says about it (role, env, site).",
		Words: []string{"facts", "host facts", "fact", "inventory facts", "tags", "labels"},
	})
	HostReboot = Define[HostRebootArgs, HostRebootResult](Spec{
		Name: "host.reboot", Permission: "host.reboot", Class: Disrupt, Lane: LaneHost, Timeout: 30 * time.Second, Job: true,
		Privilege: "login1 over D-Bus with a polkit rule",
		Help:      "Reboots the machine after a delay in which it can be cancelled.",
		Words:     []string{"reboot", "restart the machine", "restart the host", "restart the server", "power cycle", "reboot the host"},
	})
)

func hostMethods() []Spec { return []Spec{HostInfo.Spec, HostFacts.Spec, HostReboot.Spec} }

type HostInfoResult struct {
	Common
	Hostname       string    `rpc:"hostname" words:"hostname,name"`
	FQDN           string    `rpc:"fqdn,omitempty" words:"fqdn,full name"`
	OS             string    `rpc:"os" words:"os,operating system,distro,distribution" help:"with its major version: debian12"`
	OSVersion      string    `rpc:"os_version" words:"os version,release" help:"as it names itself: Debian GNU/Linux 12 (bookworm)"`
	Kernel         string    `rpc:"kernel" words:"kernel,kernel version"`
	Arch           string    `rpc:"arch" words:"arch,architecture"`
	Virtualization string    `rpc:"virtualization,omitempty" words:"virtualization,hypervisor" help:"kvm, docker, …; absent on bare metal"`
	BootAt         time.Time `rpc:"boot_at" words:"boot time,booted"`
	UptimeSeconds  int64     `rpc:"uptime_seconds" words:"uptime,up for,been up" most:"longest running,up the longest" least:"most recently booted" agg:"min,max"`
	CPUCount       int32     `rpc:"cpu_count" words:"cpus,cores,cpu count" agg:"sum"`
	MemoryBytes    int64     `rpc:"memory_bytes" words:"memory size,ram size,installed memory" agg:"sum"`
	ClockOffsetMS  *float64  `rpc:"clock_offset_ms,omitempty" words:"clock offset,clock skew,drift" help:"as the kernel's clock discipline estimates it"`
	ClockSynced    bool      `rpc:"clock_synced" words:"clock synced,ntp synced,in sync"`
	RebootRequired bool      `rpc:"reboot_required" words:"needs a reboot,reboot required,need rebooting,pending reboot"`
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
	DelaySeconds *int32 `rpc:"delay_seconds,omitempty" validate:"omitempty,min=0,max=3600" default:"60" words:"delay,grace"`
	Reason       string `rpc:"reason,omitempty" validate:"max=200" words:"reason,because"`
}

type HostRebootResult struct {
	Common
	ScheduledAt time.Time `rpc:"scheduled_at"`
	Job         string    `rpc:"job"`
}
