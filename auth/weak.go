package auth

func (m *material) weakness() string { return "" }
