-- What the portal needs to find and list articles: the search vector, and the order in which the archive is read.

-- article_search is what live_articles.search holds: exact lexemes of the title as A and of the rest as C, the same
-- without accents as B and D (domain.md §5.4), so that one query finds both and ranks what was typed first. Only the
-- first 100,000 characters of the body count: a tsvector may not exceed 1 MB, and no body may stop a publication.
CREATE FUNCTION article_search(title text, lead text, plain text, byline text, numbers text) RETURNS tsvector
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN setweight(to_tsvector('simple', coalesce(title, '')), 'A')
      || setweight(to_tsvector('simple', concat_ws(E'\n', lead, left(plain, 100000), byline, numbers)), 'C')
      || setweight(to_tsvector('simple', coalesce(fold(title), '')), 'B')
      || setweight(to_tsvector('simple', coalesce(fold(concat_ws(E'\n', lead, left(plain, 100000), byline, numbers)), '')), 'D');

-- What stays findable: live articles and expired ones, which left the lists but not the archive.
CREATE INDEX live_articles_found ON live_articles (published_at DESC, article_id) WHERE public IN ('live', 'expired');

-- The sitemap's months and the feeds' files are listed by path.
CREATE INDEX feeds_path ON feeds (path text_pattern_ops);

-- Whether readers may get an upload is asked by its hash: pictures and attachments of what is public.
CREATE INDEX live_articles_content ON live_articles USING gin (content jsonb_path_ops);

-- A list marks what carries a note of correction.
CREATE INDEX publications_corrections ON publications (article_id, n) WHERE kind = 'correction';

-- The sitemap's parts are cut by rank within a month, over every state, so that a withdrawn article moves no other.
CREATE INDEX live_articles_published ON live_articles (published_at, article_id);

-- Few articles are withdrawn or taken down; their pictures and files are looked up among them alone.
CREATE INDEX live_articles_hidden ON live_articles (article_id) WHERE public IN ('withdrawn', 'taken_down');
