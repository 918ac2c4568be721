package link

// Mechanism returns by which SASL mechanism s has logged in.
func Mechanism(s *Session) string { return s.current.Load().mechanism }
