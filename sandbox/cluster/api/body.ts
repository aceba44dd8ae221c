import type { IncomingMessage } from 'node:http';
import { parse as parseYaml } from 'yaml';
import { errorMessage } from '../../../common/errors.js';
import { ApiError } from './status.js';

export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Removes null fields, which the API server treats as absent. */
export function withoutNulls(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(kept.map(([key, field]) => [key, withoutNulls(field)]));
}

const MAX_BODY_BYTES = 3 * 2 ** 20;

export interface Body {
  /** Media type without parameters; `application/json` by default. */
  type: string;
  /** Parsed body; undefined if it is empty. */
  content: Json | undefined;
}

/** Reads a JSON or YAML body. @throws ApiError 400 for a syntax error, 413, 415 */
export async function readBody(request: IncomingMessage): Promise<Body> {
  const type = (request.headers['content-type'] ?? 'application/json').split(';')[0]!.trim();
  const text = await readText(request);
  if (text.trim() === '') return { type, content: undefined };
  try {
    if (/[/+]yaml$/.test(type)) return { type, content: parseYaml(text) as Json };
    if (/[/+]json$/.test(type)) return { type, content: JSON.parse(text) as Json };
  } catch (error) {
    throw new ApiError(400, `the object provided is unrecognized: ${errorMessage(error)}`);
  }
  throw unsupported(type, ['application/json', 'application/yaml']);
}

export function unsupported(type: string, accepted: readonly string[]): ApiError {
  const message = `the body of the request was in an unknown format: ${type}; accepted media types include: ${accepted.join(', ')}`;
  return new ApiError(415, message);
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new ApiError(413, `limit is ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
