package web

import "net/http"

// routes is every address of the product, in one screenful. page: an ordinary page; long: streams and uploads.
func (s *Server) routes() {
	// Operations.
	s.on("GET /healthz", http.HandlerFunc(s.getHealth))
	s.on("GET /readyz", http.HandlerFunc(s.getReady))
	s.on("/static/{file}", s.assets)

	// Portal.
	s.on("POST /hien-thi", s.page(s.postDisplay))

	// Posts by strangers.

	// Mailed links.

	// Desk.

	// API.

	s.on("/", s.page(s.getNothing))
}
