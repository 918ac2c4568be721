package main

import (
	"fmt"
	"os"

	"adminbot/internal/config"
	"adminbot/internal/policy"
)

type configCmd struct {
	Describe configDescribeCmd `cmd:"" help:"Print the annotated example."`
	Check    configCheckCmd    `cmd:"" help:"Check a file, the policies and the secrets it names."`
}

type configDescribeCmd struct{}

func (configDescribeCmd) Run(std streams) error { return config.Describe(std.out) }

type configCheckCmd struct {
	File string `arg:"" help:"The configuration file."`
}

func (c configCheckCmd) Run(std streams) error {
	conf, err := config.Load(c.File)
	if err != nil {
		return exit(exitUsage, err)
	}
	if _, err := loadBotPolicy(conf.Bot.Policy); err != nil {
		return exit(exitUsage, err)
	}
	if conf.Agent.Policy != "" {
		p, err := policy.Load(conf.Agent.Policy)
		if err == nil {
			err = p.CheckHost()
		}
		if err != nil {
			return exit(exitUsage, fmt.Errorf("%s: %w", conf.Agent.Policy, err))
		}
	}
	if conf.Server.Domain != "" {
		if _, err := serverSetupOf(conf); err != nil {
			return exit(exitUsage, err)
		}
	}
	if conf.Workgroups.Component != "" { // clients name the domain alone
		if err := checkWorkgroups(conf.Workgroups, conf.Intake); err != nil {
			return exit(exitUsage, err)
		}
	}
	if conf.Account.PasswordFile != "" {
		if _, err := conf.Account.Secret(os.Getenv("CREDENTIALS_DIRECTORY")); err != nil {
			return exit(exitUsage, err)
		}
	}
	fmt.Fprintf(std.out, "%s is good\n", c.File)
	return nil
}
