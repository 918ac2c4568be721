package workgroups

// Points are the named points of a service, see OnPoint.
var Points = []string{"before commit", "after commit", "after answers", "before send", "before barrier", "after barrier"}

// RoomPoints are those in the life of a room.
var RoomPoints = []string{
	"before make", "after make", "after furnish", "before invite", "after invite",
	"before close", "after close", "before seal", "after seal", "before destroy", "after destroy",
}

// OnPoint has f called at each named point. It is called before Run.
func (s *Service) OnPoint(f func(name string)) { s.point = f }
