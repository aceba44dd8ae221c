import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { AppsV1Api, CoreV1Api, KubeConfig, type V1Pod } from '@kubernetes/client-node';
import { parse } from 'yaml';
import { eventually } from '../eventually.js';
import type { Cluster, ClusterOptions } from '../../sandbox/cluster/index.js';
import { startFaultyCluster, type FaultyCluster } from './faults.js';

/** An image with the files of this machine. */
export const HOST_IMAGE = { host: '/' };

/** Starts a cluster before a suite's tests, with a namespace `shop`, and stops it after them. */
export function useCluster(options: Partial<ClusterOptions> = {}): () => FaultyCluster {
  let cluster: FaultyCluster | undefined;
  before(async () => {
    cluster = await startFaultyCluster({ images: HOST_IMAGE, ...options });
    await cluster.apply('{apiVersion: v1, kind: Namespace, metadata: {name: shop}}');
  });
  after(async () => {
    await cluster?.stop();
  });
  return () => cluster!;
}

/** True while a process runs; a zombie does not. */
export function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

export function kubeConfig({ kubeconfigPath }: Cluster): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfigPath);
  return config;
}

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs the real kubectl against the cluster; `input` goes to its standard input. */
export function kubectl(
  { kubeconfigPath }: Cluster,
  parameters: readonly string[],
  input = '',
): Promise<Ran> {
  const env = { ...process.env, KUBECONFIG: kubeconfigPath };
  return new Promise((resolve) => {
    const child = execFile('kubectl', parameters, { env }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr });
    });
    child.stdin?.end(input);
  });
}

/** Starts kubectl until the test ends it; `output` returns what it has printed so far. */
export function kubectlInBackground(
  { kubeconfigPath }: Cluster,
  parameters: readonly string[],
): { output: () => string; stop: () => void } {
  const child = spawn('kubectl', parameters, { env: { ...process.env, KUBECONFIG: kubeconfigPath } });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return { output: () => output, stop: () => child.kill('SIGKILL') };
}

export interface RawAnswer {
  code: number;
  headers: NodeJS.Dict<string | string[]>;
  body: Record<string, unknown>;
}

/** Sends one HTTPS request unchanged, for requests that no client sends. */
export function raw(
  cluster: Cluster,
  method: string,
  path: string,
  { headers = {}, body = '' }: { headers?: Record<string, string>; body?: string } = {},
): Promise<RawAnswer> {
  const authorization = `Bearer ${readFileSync(cluster.tokenPath, 'utf8')}`;
  const options = {
    method,
    ca: readFileSync(cluster.caPath),
    agent: false,
    headers: { authorization, ...headers },
  };
  return new Promise((resolve, reject) => {
    const outgoing = request(new URL(path, cluster.url), options, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => {
        const parsed = parse(text) as Record<string, unknown> | string | null;
        const content = typeof parsed === 'object' && parsed ? parsed : { text };
        resolve({ code: response.statusCode ?? 0, headers: response.headers, body: content });
      });
    });
    outgoing.on('error', reject).end(body);
  });
}

export interface DeploymentShape {
  replicas?: number;
  command?: readonly string[];
  /** Further fields of the container. */
  container?: Record<string, unknown>;
  /** Further fields of the pod's spec. */
  pod?: Record<string, unknown>;
}

/** A Deployment in `shop` whose pods sleep by default. */
export function deployment(name: string, shape: DeploymentShape = {}): string {
  const { replicas = 1, command = ['sleep', 'infinity'], container = {}, pod = {} } = shape;
  const labels = { app: name };
  return JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'shop' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [{ name: 'main', image: 'host', command, ...container }],
          ...pod,
        },
      },
    },
  });
}

export function service(name: string, port = 80, targetPort: number | string = 8080): string {
  const spec = { selector: { app: name }, ports: [{ port, targetPort }] };
  return JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'shop' }, spec });
}

export const namespace = 'shop';

/** Helpers for the pods of the namespace `shop`, through the API. */
export class Shop {
  readonly core: CoreV1Api;
  readonly apps: AppsV1Api;

  constructor(readonly cluster: Cluster) {
    this.core = kubeConfig(cluster).makeApiClient(CoreV1Api);
    this.apps = kubeConfig(cluster).makeApiClient(AppsV1Api);
  }

  async podsOf(app: string): Promise<V1Pod[]> {
    return (await this.core.listNamespacedPod({ namespace, labelSelector: `app=${app}` })).items;
  }

  /** Waits for exactly this number of pods, all ready. */
  async readyPods(app: string, count = 1): Promise<V1Pod[]> {
    return eventually(`${count} ready pods of ${app}`, async () => {
      const pods = await this.podsOf(app);
      return pods.length === count && pods.every(isReady) && pods;
    });
  }

  /** Applies a Deployment and waits for its pods. @returns the first */
  async start(name: string, shape: DeploymentShape = {}): Promise<V1Pod> {
    await this.cluster.apply(deployment(name, shape));
    const [pod] = await this.readyPods(name, shape.replicas ?? 1);
    return pod!;
  }

  async end(name: string): Promise<void> {
    await this.apps.deleteNamespacedDeployment({ namespace, name });
  }
}

export function isReady(pod: V1Pod): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}
