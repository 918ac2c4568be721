package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// startAgent runs adminbot agent as a host of the target, with its state in dir,
// and returns when it takes calls. The bot may read.
func (t Target) startAgent(ctx context.Context, path, dir, host string) (*program, error) {
	config, err := t.configure(dir, host+"@"+t.Domain+"/agent", fmt.Sprintf("[agent]\nbots = [%q]\n", t.Bot+"@"+t.Domain))
	if err != nil {
		return nil, err
	}
	p, _, err := start(ctx, path, "takes calls", "agent", "--config", config)
	return p, err
}

// botRules let everybody read.
const botRules = "[[rule]]\nwho = [\"*\"]\nmay = [\"R\"]\n"

// startBot runs adminbot bot and returns when it has its picture of the hosts.
func (t Target) startBot(ctx context.Context, path, dir string) (*program, error) {
	config, err := t.configure(dir, t.Bot+"@"+t.Domain, "[bot]\npolicy = \"policy.toml\"\n")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "policy.toml"), []byte(botRules), 0o600); err != nil {
		return nil, err
	}
	p, _, err := start(ctx, path, "sees ", "bot", "--config", config)
	return p, err
}

// configure writes the configuration of a daemon into dir, which it makes.
func (t Target) configure(dir, account, rest string) (path string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	text := fmt.Sprintf("state = %q\n[account]\njid = %q\npassword_file = \"password\"\naddress = %q\nca_file = %q\n%s", dir, account, t.Address, t.CAFile, rest)
	path = filepath.Join(dir, "adminbot.toml")
	for file, content := range map[string]string{path: text, filepath.Join(dir, "password"): t.Password + "\n"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			return "", err
		}
	}
	return path, nil
}

func joinStop(err error, p *program) error { return errors.Join(err, p.stop()) }
