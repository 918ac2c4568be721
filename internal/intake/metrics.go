package intake

func (s *Server) count(src *source, format string, status int) {}
