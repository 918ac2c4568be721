package bot

import (
	"encoding/json"
	"fmt"

	"adminbot/rpc"
)

// wire makes a value of what encoding/json would write of v, so that bot.say and
// `adminbot say --json` carry the same document. Numbers become doubles, or ints
// where they are small and whole; null members are left out.
func wire(v any) (rpc.Value, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return rpc.Value{}, fmt.Errorf("bot: answer: %w", err)
	}
	var plain any
	if err := json.Unmarshal(text, &plain); err != nil {
		return rpc.Value{}, fmt.Errorf("bot: answer: %w", err)
	}
	return plainValue(plain), nil
}

func plainValue(v any) rpc.Value {
	switch v := v.(type) {
	case bool:
		return rpc.Bool(v)
	case string:
		if val := rpc.String(v); val.Valid() == nil {
			return val
		}
		return rpc.Base64([]byte(v))
	case float64:
		if n := int32(v); float64(n) == v {
			return rpc.Int(n)
		}
		return rpc.Double(v)
	case []any:
		out := make([]rpc.Value, 0, len(v))
		for _, e := range v {
			if e == nil {
				e = "" // XML-RPC has no null in arrays
			}
			out = append(out, plainValue(e))
		}
		return rpc.Array(out...)
	case map[string]any:
		out := make(map[string]rpc.Value, len(v))
		for k, e := range v {
			if e != nil {
				out[k] = plainValue(e)
			}
		}
		return rpc.Struct(out)
	}
	return rpc.Value{}
}
