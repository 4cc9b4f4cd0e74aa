package main

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// screen is how somebody looks at a page.
type screen struct {
	name          string
	width, height int64
	phone         bool
	dark          bool
	lang          string  // "vi", "en"
	scale         float64 // of its pictures; 0: 1, on a phone 1.5
}

var (
	desktop = screen{name: "desktop", width: 1366, height: 768, lang: "vi"}
	phone   = screen{name: "phone", width: 360, height: 740, phone: true, lang: "vi"}
)

// chromium starts a headless browser with a profile of its own; it is skipped where there is none, except in continuous integration.
func chromium(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("chromium is not installed")
	}
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("hide-scrollbars", true))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 8*time.Minute)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// on makes the browser look like a screen.
func (s screen) on(ctx context.Context) error {
	scheme := "light"
	if s.dark {
		scheme = "dark"
	}
	scale := s.scale
	switch {
	case scale != 0:
	case s.phone:
		scale = 1.5
	default:
		scale = 1
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(s.width, s.height, chromedp.EmulateScale(scale))); err != nil {
		return err
	}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	}); err != nil {
		return err
	}
	_, err := chromedp.Call(ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": s.lang}})
	return err
}

// signIn signs a demo user in at the desk by its form, as a person does.
func (p *plant) signIn(ctx context.Context, who demoUser) error {
	if _, err := chromedp.Call(ctx, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
		return err
	}
	return chromedp.Do(ctx,
		chromedp.Navigate(p.url+"/desk/sign-in"),
		chromedp.SendKeys(chromedp.CSS(`input[name="email"]`), who.Email),
		chromedp.SendKeys(chromedp.CSS(`input[name="password"]`), who.Password),
		chromedp.Submit(chromedp.CSS(`input[name="password"]`)),
		chromedp.WaitVisible(chromedp.CSS(`.rail, .desk-rail, nav`)),
	)
}
