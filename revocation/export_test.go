package revocation

// Guard is what the dialer asks before it connects.
var Guard = guard
