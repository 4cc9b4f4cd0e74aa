package web

import (
	"net/http"
	"time"

	"toasoan/newsroom"
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
	s.on("GET /dang-ky", s.page(s.getSubscribe))
	s.on("POST /dang-ky", s.page(s.limit("subscribe", 10*time.Second, 10, s.postSubscribe)))

	// Mailed links.
	s.on("GET /duyet/{token}", s.page(s.getDecide))
	s.on("POST /duyet/{token}", s.page(s.limit("decide", 2*time.Second, 20, s.postDecide)))
	s.on("GET /khong-phai-toi/{token}", s.page(s.getNotMe))
	s.on("POST /khong-phai-toi/{token}", s.page(s.postNotMe))
	s.on("GET /mat-khau/{token}", s.page(s.getLink(newsroom.LinkPassword)))
	s.on("POST /mat-khau/{token}", s.page(s.limit("account-link", 5*time.Second, 10, s.postLink(newsroom.LinkPassword))))
	s.on("GET /ma-pin/{token}", s.page(s.getLink(newsroom.LinkPIN)))
	s.on("POST /ma-pin/{token}", s.page(s.limit("account-link", 5*time.Second, 10, s.postLink(newsroom.LinkPIN))))
	s.on("GET /xac-nhan/{token}", s.page(s.getConfirm))
	s.on("POST /xac-nhan/{token}", s.page(s.postConfirm))
	s.on("GET /tuy-chon/{token}", s.page(s.getPreferences))
	s.on("POST /tuy-chon/{token}", s.page(s.postPreferences))
	s.on("GET /tuy-chon/{token}/du-lieu", s.page(s.limit("own-data", 10*time.Second, 10, s.getOwnData)))
	s.on("POST /tuy-chon/{token}/xoa", s.page(s.postErase))
	s.on("GET /huy/{token}", s.page(s.getLeave))
	s.on("POST /huy/{token}", s.page(s.postLeave))

	// Desk. door: nobody is signed in yet; staff: somebody is, with one of the roles named.
	admin, bureau := []newsroom.Role{newsroom.RoleAdmin}, []newsroom.Role{newsroom.RoleReviewer, newsroom.RoleLeader, newsroom.RoleAdmin}
	writers := []newsroom.Role{newsroom.RoleReporter, newsroom.RoleContributor, newsroom.RoleReviewer}
	s.on("GET /desk/sign-in", s.door(s.getSignIn))
	s.on("POST /desk/sign-in", s.door(s.limit("sign-in", 3*time.Second, 30, s.postSignIn)))
	s.on("GET /desk/code", s.door(s.getCode))
	s.on("POST /desk/code", s.door(s.limit("code", 10*time.Second, 10, s.postCode)))
	s.on("POST /desk/sign-out", s.door(s.postSignOut))
	s.on("GET /desk/forgot", s.door(s.getForgot))
	s.on("POST /desk/forgot", s.door(s.limit("forgot", time.Minute, 5, s.postForgot)))
	s.on("GET /desk/start", s.door(s.getStart))
	s.on("POST /desk/start", s.door(s.limit("start", 5*time.Second, 20, s.postStart)))
	s.on("GET /desk", s.staff(s.getWork))
	s.on("GET /desk/live", s.staffLong(0, s.getLive))
	s.on("GET /desk/board", s.staff(s.getBoard))
	s.on("GET /desk/plan", s.staff(s.getPlan))
	s.on("GET /desk/articles", s.staff(s.getArticles))
	s.on("POST /desk/articles", s.staffLong(editorBody, s.postNewArticle, writers...))
	s.on("GET /desk/articles/new", s.staff(s.getNewArticle, writers...))
	s.on("GET /desk/articles/{id}", s.staff(s.getDeskArticle))
	s.on("PUT /desk/articles/{id}", s.staffLong(editorBody, s.putDraft))
	s.on("POST /desk/articles/{id}", s.staffLong(uploadBody, s.postDraft))
	s.on("GET /desk/articles/{id}/edit", s.staff(s.getEdit))
	s.on("GET /desk/articles/{id}/preview", s.staff(s.getPreview))
	s.on("GET /desk/articles/{id}/compare", s.staff(s.getCompare))
	s.on("GET /desk/articles/{id}/revisions/{n}", s.staff(s.getRevision))
	s.on("GET /desk/articles/{id}/moves/{key}", s.staff(s.getMove))
	s.on("POST /desk/articles/{id}/moves", s.staff(s.postMove))
	s.on("GET /desk/publications/{id}/{n}", s.staff(s.getDeskPublication))
	s.on("POST /desk/publications/{id}/{n}", s.staff(s.postDeskPublication, bureau...))
	s.on("GET /desk/issues", s.staff(s.getDeskIssues, bureau...))
	s.on("GET /desk/issues/{id}", s.staff(s.getDeskIssue, bureau...))
	s.on("POST /desk/media", s.staffLong(uploadBody, s.postMedia, writers...))
	s.on("GET /desk/files/{sha}", s.staff(s.getDeskFile))
	s.on("GET /desk/account", s.staff(s.getAccount))
	s.on("POST /desk/account", s.staff(s.postAccount))
	s.on("GET /desk/account/totp", s.staff(s.getTOTP))
	s.on("POST /desk/account/totp", s.staff(s.postTOTP))
	s.on("GET /desk/admin", s.staff(s.getAdmin, admin...))
	s.on("POST /desk/admin", s.staff(s.postAdmin, admin...))
	s.on("GET /desk/admin/users", s.staff(s.getUsers, admin...))
	s.on("POST /desk/admin/users", s.staff(s.postUser, admin...))
	s.on("GET /desk/admin/users/new", s.staff(s.getUser, admin...))
	s.on("GET /desk/admin/users/{id}", s.staff(s.getUser, admin...))
	s.on("POST /desk/admin/users/{id}", s.staff(s.postUser, admin...))
	s.on("GET /desk/admin/sections", s.staff(s.getAdminSections, admin...))
	s.on("POST /desk/admin/sections", s.staff(s.postAdminSections, admin...))
	s.on("GET /desk/admin/offices", s.staff(s.getOffices, admin...))
	s.on("POST /desk/admin/offices", s.staff(s.postOffices, admin...))
	s.on("GET /desk/admin/calendar", s.staff(s.getCalendar, admin...))
	s.on("POST /desk/admin/calendar", s.staffLong(2<<20, s.postCalendar, admin...))
	s.on("GET /desk/admin/policies", s.staff(s.getPolicies, admin...))
	s.on("GET /desk/admin/policies/{section}", s.staff(s.getPolicy, admin...))
	s.on("POST /desk/admin/policies/{section}", s.staff(s.postPolicy, admin...))
	s.on("GET /desk/admin/trouble", s.staff(s.getTrouble, admin...))
	s.on("POST /desk/admin/trouble/alerts", s.staff(s.postAlert, admin...))
	s.on("POST /desk/admin/trouble/events", s.staff(s.postParked, admin...))

	// API: the verbs below /api/v1 are listed in the api…Verbs functions, described at /api/openapi.json.
	s.on("/api/v1/", http.HandlerFunc(s.serveAPI))
	s.on("GET /api/openapi.json", s.page(s.getOpenAPI))
	s.on("GET /api/docs", s.page(s.getAPIDocs))

	s.on("/", s.page(s.getNothing))
}
