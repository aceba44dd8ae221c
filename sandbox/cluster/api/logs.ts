import { createReadStream, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pod } from '../objects/pod.js';
import { ApiError } from './status.js';

const FOLLOW_MS = 200;

type LogPath = (pod: Pod, container: string, previous: boolean) => string | undefined;

/** Serves `kubectl logs`, with its `-c`, `-f`, `-p` and `--tail`. */
export function logReader(logPath: LogPath) {
  return async (pod: Pod, query: URLSearchParams, response: ServerResponse): Promise<void> => {
    const container = query.get('container') ?? pod.spec.containers[0]!.name;
    const file = logPath(pod, container, query.get('previous') === 'true');
    if (file === undefined)
      throw new ApiError(400, `container "${container}" in pod "${pod.metadata.name}" has no log`);
    const text = await readFile(file);
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.write(lastLines(text.toString(), query.get('tailLines')));
    if (query.get('follow') === 'true') {
      await follow(file, text.length, () => logPath(pod, container, false) === file, response);
    }
    response.end();
  };
}

function lastLines(text: string, count: string | null): string {
  if (count === null) return text;
  const lines = text.split(/(?<=\n)/);
  return lines.slice(Math.max(0, lines.length - Number(count))).join('');
}

/** Sends what is appended until the client goes or the file is no longer the container's. */
async function follow(
  file: string,
  from: number,
  isCurrent: () => boolean,
  response: ServerResponse,
): Promise<void> {
  let sent = from;
  while (!response.destroyed && isCurrent()) {
    await sleep(FOLLOW_MS);
    const size = statSync(file, { throwIfNoEntry: false })?.size ?? sent;
    if (size <= sent) continue;
    const appended = createReadStream(file, { start: sent, end: size - 1 });
    for await (const chunk of appended as AsyncIterable<Buffer>) response.write(chunk);
    sent = size;
  }
}
