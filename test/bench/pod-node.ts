import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeCertificates } from '../../sandbox/cluster/credentials.js';
import { Sandbox } from '../kernel/harness.js';
import { LoopbackApi, type ApiObject } from '../unit/loopback-api.js';

/** Wakes up five times a second without starting processes. */
const WAKE_UPS = 'exec 3<> <(:); while :; do read -t 0.2 -u 3; done';
const SERVICE_ACCOUNT = '/run/secrets/kubernetes.io/serviceaccount';
const VARIABLES = 12;

/**
 * A node full of pods of one container each: real cgroups as a kubelet with the systemd driver creates them, a process in
 * each that wakes up periodically, and an API server that lists the pods over TLS.
 */
export class PodNode {
  readonly #sandbox = new Sandbox();
  readonly #children: ChildProcess[] = [];
  readonly #directory = mkdtempSync(path.join(tmpdir(), 'kernscale-'));
  #api: LoopbackApi | undefined;

  async start(pods: number): Promise<void> {
    const { key, certificate } = await makeCertificates(this.#directory);
    writeFileSync(path.join(this.#directory, 'token'), 'secret');
    this.#api = new LoopbackApi({ key, cert: certificate });
    this.#sandbox.group(undefined, 'kubepods.slice');
    for (let i = 0; i < pods; i++) {
      this.#api.put(podOf(i));
      const slice = `kubepods.slice/kubepods-pod${uidOf(i).replaceAll('-', '_')}.slice`;
      this.#sandbox.group(undefined, slice);
      const { path: cgroup } = this.#sandbox.group(undefined, `${slice}/cri-containerd-${idOf(i)}.scope`);
      const command = `echo $$ > ${cgroup}/cgroup.procs; ${WAKE_UPS}`;
      this.#children.push(spawn('bash', ['-c', command], { stdio: 'ignore' }));
    }
    await this.#api.start();
  }

  /** Command prefix that runs a program as if in a pod of this node, with a pod's service account. */
  get inPod(): string[] {
    const { hostname, port } = new URL(this.#api!.url);
    const mounts = `mount -t tmpfs none /run && mkdir -p ${SERVICE_ACCOUNT} && cp ${this.#directory}/* ${SERVICE_ACCOUNT}`;
    return [
      ...[
        'env',
        '-u',
        'KUBECONFIG',
        `KUBERNETES_SERVICE_HOST=${hostname}`,
        `KUBERNETES_SERVICE_PORT=${port}`,
      ],
      ...['unshare', '--mount', 'sh', '-c', `${mounts} && exec "$@"`, 'sh'],
    ];
  }

  async dispose(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    await this.#api?.stop();
    await this.#sandbox.dispose();
    rmSync(this.#directory, { recursive: true });
  }
}

const uidOf = (pod: number) => `0b4e9e2a-6f2d-4c1b-9d59-${pod.toString(16).padStart(12, '0')}`;
const idOf = (pod: number) => pod.toString(16).padStart(64, '0');

/** A pod of a usual size on the wire, 6 KB, most of which the exporter ignores. */
function podOf(number: number): ApiObject {
  const names = Array.from({ length: VARIABLES }, (_, i) => `VARIABLE_${i}`);
  const fields = Object.fromEntries(
    names.map((name) => [`k:{"name":"${name}"}`, { 'f:name': {}, 'f:value': {} }]),
  );
  const conditions = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'];
  const at = '2026-01-01T00:00:00Z';
  const metadata = {
    namespace: 'shop',
    name: `bench-6d4cf56db6-${number}`,
    uid: uidOf(number),
    creationTimestamp: at,
    labels: { app: 'bench', 'app.kubernetes.io/name': 'bench', 'pod-template-hash': '6d4cf56db6' },
    ownerReferences: [
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'bench-6d4cf56db6', controller: true },
    ],
    managedFields: ['kube-controller-manager', 'kubelet'].map((manager) => ({
      ...{ manager, operation: 'Update', apiVersion: 'v1', time: at, fieldsType: 'FieldsV1' },
      fieldsV1: { 'f:spec': { 'f:containers': { 'k:{"name":"bench"}': { 'f:env': fields } } } },
    })),
  };
  return {
    metadata,
    spec: {
      nodeName: 'bench',
      containers: [
        {
          name: 'bench',
          image: 'registry.example.com/shop/bench:1.2.3',
          env: names.map((name) => ({ name, value: `value of ${name} in pod ${number}` })),
          resources: { limits: { cpu: '200m', memory: '256Mi' }, requests: { cpu: '100m', memory: '128Mi' } },
        },
      ],
    },
    status: {
      phase: 'Running',
      conditions: conditions.map((type) => ({
        type,
        status: 'True',
        lastProbeTime: null,
        lastTransitionTime: at,
      })),
      containerStatuses: [{ name: 'bench', containerID: `containerd://${idOf(number)}`, ready: true }],
    },
  };
}
