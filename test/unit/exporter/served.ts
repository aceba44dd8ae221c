import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { listen, type Listening } from '../../../common/http.js';
import { loadKubeConfig } from '../../../common/kubeconfig.js';
import { watchResource } from '../../../common/kubernetes-watch.js';
import { Exporter } from '../../../exporter/exporter.js';
import { KubernetesSource } from '../../../exporter/identity/kubernetes.js';
import { knownPod } from '../../../exporter/identity/pods.js';
import { createApp } from '../../../exporter/web.js';
import { LoopbackApi } from '../loopback-api.js';
import { BOUNDS, HandMadeProbes, NO_PROFILES } from './fixtures.js';

const UID = '0b4e9e2a-6f2d-4c1b-9d59-6f2f2c0d7e11';
const ID = 'ab'.repeat(32);
const POD = {
  metadata: { namespace: 'shop', name: 'web-1', uid: UID },
  spec: { containers: [{ name: 'web', image: 'web:1', resources: { limits: { cpu: '200m' } } }] },
  status: { containerStatuses: [{ name: 'web', containerID: `containerd://${ID}` }] },
};
/** Scrapes that it serves at a time. */
export const MAX_REQUESTS = 2;

/** The line of the CPU time of that pod's container. */
export const ONCPU = /^kernscale_state_seconds_total\{namespace="shop",pod="web-1",.*state="oncpu"\} 1\.5$/m;

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

export type ServedExporter = Awaited<ReturnType<typeof serveExporter>>;

/** Serves an exporter with hand-made counters, of one pod of a loopback API, over HTTP. */
export async function serveExporter() {
  const directory = mkdtempSync(path.join(tmpdir(), 'kernscale-'));
  const container = path.join(directory, 'cgroup', 'kubepods', `pod${UID}`, ID);
  mkdirSync(container, { recursive: true });
  const api = new LoopbackApi();
  api.put(POD);
  await api.start();
  writeFileSync(path.join(directory, 'kubeconfig'), api.kubeconfig());
  const logged: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line) => logged.push(line) });
  const probes = new HandMadeProbes();
  const pods = watchResource({
    config: loadKubeConfig(path.join(directory, 'kubeconfig')),
    path: '/api/v1/pods',
    keep: knownPod,
    log,
    retrySeconds: { min: 0.02, max: 0.1 },
  });
  const exporter = new Exporter({
    probes,
    profilePrograms: [],
    bounds: BOUNDS,
    detail: false,
    cgroupRoot: path.join(directory, 'cgroup'),
    source: new KubernetesSource(pods),
    policy: { ignoreNamespaces: /^kube-system$/, keepSeconds: 30 },
    version: '1.2.3',
    log,
  });
  const options = { version: '1.2.3', maxRequests: MAX_REQUESTS };
  const server = await listen(createApp(exporter, NO_PROFILES, options, log), ['127.0.0.1:0']);
  const cgroupId = statSync(container, { bigint: true }).ino;
  probes.run(cgroupId, 1.5);
  const stop = async (): Promise<void> => {
    await server.close();
    exporter.close();
    pods.stop();
    await api.stop();
    rmSync(directory, { recursive: true });
  };
  const get = (target: string, headers?: Record<string, string>, method?: string) =>
    send(server, target, headers, method);
  return { directory, api, probes, pods, exporter, server, logged, cgroupId, get, stop };
}

export async function send(
  { urls }: Listening,
  target: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Answer> {
  const sent = request(`${urls[0]!}${target}`, { headers, method, agent: false }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) };
}
