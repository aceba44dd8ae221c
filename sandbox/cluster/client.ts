import { request } from 'node:https';
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { KernscaleError } from '../../common/errors.js';
import { APPLY } from './api/patch.js';
import type { Status } from './api/status.js';
import { apiVersionOf, findKind } from './resources.js';
import type { KubeObject } from './objects/meta.js';
import type { Credentials } from './credentials.js';

/**
 * Applies every document of a manifest through the API (server-side apply).
 *
 * @throws KernscaleError `MANIFEST_INVALID`, `APPLY_FAILED`
 */
export async function applyManifest(url: string, credentials: Credentials, manifest: string): Promise<void> {
  for (const document of parseAllDocuments(manifest)) {
    const [error] = document.errors;
    if (error) throw new KernscaleError('MANIFEST_INVALID', error.message);
    const object = document.toJS() as KubeObject | null;
    if (object) await apply(url, credentials, object);
  }
}

async function apply(url: string, { token, caPath }: Credentials, object: KubeObject): Promise<void> {
  const { apiVersion, kind, metadata } = object;
  const definition = findKind(apiVersion, kind);
  if (!definition)
    throw new KernscaleError('MANIFEST_INVALID', `the stand-in cluster has no ${apiVersion} ${kind}`);
  const root = definition.group === '' ? 'api' : 'apis';
  const scope = definition.namespaced ? `/namespaces/${metadata.namespace ?? 'default'}` : '';
  const path = `/${root}/${apiVersionOf(definition)}${scope}/${definition.resource}/${metadata.name}`;
  const options = {
    method: 'PATCH',
    ca: readFileSync(caPath),
    agent: false,
    headers: { authorization: `Bearer ${token}`, 'content-type': APPLY },
  };
  const target = new URL(`${path}?fieldManager=kernscale&force=true`, url);
  const { code, body } = await send(target, options, JSON.stringify(object));
  if (code < 300) return;
  throw new KernscaleError('APPLY_FAILED', `${kind} ${metadata.name}: ${(body as Status).message ?? code}`);
}

function send(
  url: URL,
  options: Parameters<typeof request>[1] & object,
  content: string,
): Promise<{ code: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, options, (response) => {
      const chunks: Buffer[] = [];
      response.on('error', reject);
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        resolve({ code: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) });
      });
    });
    outgoing.on('error', reject).end(content);
  });
}
