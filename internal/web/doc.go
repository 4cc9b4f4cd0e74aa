// Package web serves everything that people and programs open: portal, strangers' posts, mailed links, desk and API.
// Its rule: a handler loads, checks, renders or redirects, and returns its error to page, the one place that turns
// errors into answers; what it calls is behind the small interface that stands next to it. Read routes.go first.
package web
