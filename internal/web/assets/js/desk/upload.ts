import { t } from "../common/words";

export interface Picture {
  sha: string;
  url: string;
  width: number;
  height: number;
}

/** Sends one picture and reports its progress in percent; the error's text is what the server says about it. */
export function upload(url: string, file: File, progress: (percent: number) => void): Promise<Picture> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch cannot report what has been sent
    request.open("POST", url);
    request.setRequestHeader("Accept", "application/json");
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && progress(Math.round((event.loaded / event.total) * 100));
    request.onerror = () => reject(new Error(t("upload.offline")));
    request.onload = () => {
      if (request.status === 200 || request.status === 201) resolve(request.response as Picture);
      else reject(new Error((request.response as { detail?: string } | null)?.detail || t("upload.failed")));
    };
    const body = new FormData();
    body.append("file", file, file.name);
    request.send(body);
  });
}

/** The pictures among files; other kinds are left to the browser. */
export function pictures(files: FileList | null | undefined): File[] {
  return [...(files ?? [])].filter((file) => file.type.startsWith("image/"));
}
