// Serves gallery/*.html under the product's own Content-Security-Policy, with {{asset "x"}}, {{icon "x"}} and
// {{part "x"}} filled in, and stands in for the few addresses the scripts talk to. For looking and testing only.
import { createServer } from "node:http";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const types = { ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".woff2": "font/woff2", ".txt": "text/plain" };

export const pages = () => readdirSync(join(here, "gallery")).filter((f) => f.endsWith(".html")).map((f) => f.slice(0, -5)).sort();

/** Starts on port (0: any) and gives the address, a way to stop, and what was asked of it. */
export async function serve(port = 0) {
  const { files } = JSON.parse(readFileSync(join(here, "../static/manifest.json"), "utf8"));
  const asked = [];
  const listeners = new Set();
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, "http://gallery");
    const send = (status, type, body, headers = {}) => response.writeHead(status, { "Content-Type": type, ...headers }).end(body);
    if (request.method !== "GET") {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      asked.push({ method: request.method, path: url.pathname, headers: request.headers, body: body.toString("latin1") });
      return answer(url, request, send);
    }
    if (url.pathname.startsWith("/static/")) {
      const file = join(here, "../static", url.pathname.slice(8));
      if (!existsSync(file)) return send(404, "text/plain", "404");
      return send(200, types[extname(file)], readFileSync(file), { "Cache-Control": "max-age=31536000, immutable" });
    }
    if (url.pathname.startsWith("/anh/")) {
      const file = join(here, "gallery", url.pathname);
      return existsSync(file) ? send(200, "image/svg+xml", readFileSync(file)) : send(404, "text/plain", "404");
    }
    if (url.pathname === "/desk/live") {
      response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" }).write(": open\n\n");
      listeners.add(response);
      return request.on("close", () => listeners.delete(response));
    }
    const name = url.pathname.slice(1) || "index";
    if (name === "index") return send(200, "text/html; charset=utf-8", `<!doctype html><html lang="vi"><title>Gallery</title><ul>${pages().map((p) => `<li><a href="/${p}">${p}</a>`).join("")}</ul>`);
    if (!pages().includes(name)) return send(404, "text/html; charset=utf-8", `<!doctype html><title>404</title>`);
    send(200, "text/html; charset=utf-8", page(name, files, url.searchParams), { "Content-Security-Policy": policy });
  });
  await new Promise((done) => server.listen(port, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    asked,
    tell: (change) => listeners.forEach((l) => l.write(`event: changed\ndata: ${JSON.stringify(change)}\n\n`)),
    listening: () => listeners.size,
    stop: () => new Promise((done) => (server.closeAllConnections(), server.close(done))),
  };
}

/** What the real server would say to the scripts; ?fail=… in an address asks for a refusal. */
function answer(url, request, send) {
  const fail = url.searchParams.get("fail");
  const json = (status, value) => send(status, "application/json", JSON.stringify(value));
  if (fail) return json(Number(fail), { detail: `Từ chối với mã ${fail}.` });
  if (request.method === "PUT") return json(200, { etag: `"${Date.now()}"`, saved_at: "15:30" });
  if (url.pathname === "/desk/media") return json(201, { sha: "5f2c", url: "/anh/canh-dong.svg", width: 1200, height: 800 });
  if (url.pathname === "/xem") return send(204, "text/plain", "");
  return send(303, "text/plain", "", { Location: request.headers.referer ?? "/" });
}

function page(name, files, query) {
  const read = (path) => readFileSync(join(here, "gallery", path), "utf8");
  const fill = (html) =>
    html
      .replace(/\{\{part "([\w-]+)"\}\}/g, (_, part) => fill(read(`parts/${part}.html`)))
      .replace(/\{\{cards "(\w+)" (\d+)\}\}/g, (_, stage, n) => cards(stage, Number(n)))
      .replace(/\{\{strings\}\}/g, () => read("strings.vi.json"))
      .replace(/\{\{icon "([\w-]+)"\}\}/g, (_, id) => `<svg class="icon" aria-hidden="true"><use href="/static/${files["icons.svg"]}#${id}"/></svg>`)
      .replace(/\{\{asset "([\w.-]+)"\}\}/g, (_, asset) => {
        if (!files[asset]) throw new Error(`asset ${asset} is not built`);
        return `/static/${files[asset]}`;
      });
  const attributes = ["theme", "contrast", "size", "density", "accent"].filter((a) => query.get(a)).map((a) => ` data-${a}="${query.get(a)}"`);
  let html = fill(read(`${name}.html`)).replace("<html lang=\"vi\"", `<html lang="vi"${attributes.join("")}`);
  html = html.replace(new RegExp(`(class="rail-link" href="/${name}")`, "g"), '$1 aria-current="page"');
  if (query.has("noscript")) html = html.replace(/<script(?! type="application\/json")[^>]*><\/script>/g, "");
  return html;
}

/** Many cards for the board, the same at every start. */
function cards(stage, n) {
  const titles = ["Vân Khê khánh thành nhà văn hóa thôn Đồng Mây", "Họp bàn giải pháp giữ vững tiêu chí môi trường", "Tập huấn ký số cho cán bộ, công chức cấp xã", "Thông báo lịch tiếp công dân định kỳ tháng 10", "Hội Phụ nữ xã trao mười mái ấm tình thương cho hội viên có hoàn cảnh khó khăn tại các thôn vùng cao", "Mô hình trồng nấm hương dưới tán rừng cho thu nhập khá", "Ra quân làm thủy lợi nội đồng vụ đông xuân", "Kết quả khảo sát sự hài lòng của người dân quý III"];
  const sections = ["Tin tức – Sự kiện", "Chuyển đổi số", "Kinh tế", "Văn hóa – Xã hội", "Xây dựng nông thôn mới", "Cải cách hành chính"];
  const authors = ["Lê Thị Vân", "Đỗ Minh Khôi", "Hà Văn Tấn – Lê Thị Vân", "Cộng tác viên thôn Suối Trong"];
  const dues = [`<span class="due">{{icon "clock"}}còn 6 giờ 10 phút</span>`, `<span class="due due-soon">{{icon "state-due_soon"}}còn 45 phút</span>`, `<span class="due due-over">{{icon "state-overdue"}}quá 2 giờ</span>`, `<span class="due">{{icon "clock"}}còn 1 ngày</span>`];
  return Array.from({ length: n }, (_, i) => `<li class="card" id="card-${stage}-${i}"><span class="card-section">${sections[(i * 5 + 1) % 6]}</span><h3 class="card-title"><a href="/desk-review">${titles[(i * 3 + stage.length) % 8]}</a></h3><p class="card-foot"><span class="card-author">${authors[i % 4]}</span>${dues[(i * 7 + stage.length) % 4]}</p></li>`)
    .join("\n")
    .replace(/\{\{icon "([\w-]+)"\}\}/g, (_, id) => `<svg class="icon" aria-hidden="true"><use href="/static/${JSON.parse(readFileSync(join(here, "../static/manifest.json"), "utf8")).files["icons.svg"]}#${id}"/></svg>`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log((await serve(Number(process.env.PORT ?? 8100))).url);
