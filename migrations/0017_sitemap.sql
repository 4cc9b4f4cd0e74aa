-- The sitemap's parts are read from this index alone: at a million articles a part is not gathered page by page.
DROP INDEX live_articles_published;
CREATE INDEX live_articles_published ON live_articles (published_at, article_id) INCLUDE (slug, public, updated_at);
