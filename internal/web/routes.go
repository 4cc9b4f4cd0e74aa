package web

import (
	"net/http"
	"time"
)

// routes is every address of the product, in one screenful. page: an ordinary page; long: streams and uploads.
func (s *Server) routes() {
	// Operations.
	s.on("GET /healthz", http.HandlerFunc(s.getHealth))
	s.on("GET /readyz", http.HandlerFunc(s.getReady))
	s.on("/static/{file}", s.assets)

	// Portal.
	s.on("GET /{$}", s.page(s.kept(s.getFront)))
	s.on("GET /chuyen-muc/{section}", s.page(s.kept(s.getSection)))
	s.on("GET /tin/{article}", s.page(s.kept(s.getArticle)))
	s.on("GET /tin/{article}/in", s.page(s.kept(s.getPrint)))
	s.on("GET /tin/{article}/luu", s.page(s.limit("save", 2*time.Second, 10, s.getSave)))
	s.on("GET /tac-gia/{name}", s.page(s.kept(s.getAuthor)))
	s.on("GET /tu-khoa/{name}", s.page(s.kept(s.getTag)))
	s.on("GET /chu-de/{name}", s.page(s.kept(s.getTopic)))
	s.on("GET /luu-tru", s.page(s.kept(s.getArchive)))
	s.on("GET /luu-tru/{year}", s.page(s.kept(s.getArchive)))
	s.on("GET /luu-tru/{year}/{month}", s.page(s.kept(s.getArchive)))
	s.on("GET /luu-tru/{year}/{month}/{day}", s.page(s.kept(s.getArchive)))
	s.on("GET /tim-kiem", s.page(s.limit("search", 500*time.Millisecond, 60, s.getSearch)))
	s.on("GET /lien-he", s.page(s.kept(s.getContact)))
	s.on("GET /quyen-rieng-tu", s.page(s.kept(s.getPrivacy)))
	s.on("GET /so-do", s.page(s.kept(s.getMap)))
	s.on("GET /thong-ke", s.page(s.kept(s.getStatistics)))
	s.on("GET /anh/{file}", s.page(s.getImage))
	s.on("GET /tep/{id}/{name}", s.page(s.getFile))
	s.on("POST /hien-thi", s.page(s.postDisplay))
	for _, feed := range []string{"/rss.xml", "/atom.xml", "/feed.json"} {
		s.on("GET "+feed, s.page(s.getFeed))
		s.on("GET /chuyen-muc/{section}"+feed, s.page(s.getFeed))
	}
	s.on("GET /sitemap.xml", s.page(s.getFeed))
	s.on("GET /robots.txt", s.page(s.getRobots))
	s.on("GET /{file}", s.page(s.getTop))

	// Posts by strangers.
	s.on("POST /xem", s.page(s.postView))
	s.on("GET /tin/{article}/gui", s.page(s.getToFriend))
	s.on("POST /tin/{article}/gui", s.page(s.limit("to_friend", time.Minute, 5, s.postToFriend)))
	s.on("GET /tin/{article}/bao-loi", s.page(s.getReport))
	s.on("POST /tin/{article}/bao-loi", s.page(s.limit("report", time.Minute, 5, s.postReport)))
	s.on("GET /gop-y", s.page(s.getFeedback))
	s.on("POST /gop-y", s.page(s.limit("feedback", time.Minute, 5, s.postFeedback)))

	// Mailed links.
	s.on("GET /duyet/{token}", s.page(s.getDecide))
	s.on("POST /duyet/{token}", s.page(s.limit("decide", 2*time.Second, 20, s.postDecide)))
	s.on("GET /khong-phai-toi/{token}", s.page(s.getNotMe))
	s.on("POST /khong-phai-toi/{token}", s.page(s.postNotMe))

	// Desk.

	// API: the verbs below /api/v1 are listed in the api…Verbs functions, described at /api/openapi.json.
	s.on("/api/v1/", http.HandlerFunc(s.serveAPI))
	s.on("GET /api/openapi.json", s.page(s.getOpenAPI))
	s.on("GET /api/docs", s.page(s.getAPIDocs))

	s.on("/", s.page(s.getNothing))
}
