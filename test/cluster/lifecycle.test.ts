import { execFile, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { eventually } from '../eventually.js';
import { deployment, HOST_IMAGE, isAlive, kubectl } from './harness.js';
import { startCluster, type Cluster } from '../../sandbox/cluster/index.js';
import { processesIn, cgroupMounts } from '../../sandbox/cluster/kubelet/cgroup.js';
import { fromRoot } from '../../sandbox/paths.js';

const NAMESPACE = '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}';

/** Every process in a cgroup and below it. */
function processesBelow(directory: string): number[] {
  if (!existsSync(directory)) return [];
  const children = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const below = children.flatMap(({ name }) => processesBelow(path.join(directory, name)));
  return [...processesIn(directory), ...below];
}

function rootsOf(cluster: Pick<Cluster, 'cgroupRoot'>): string[] {
  const { cpu } = cgroupMounts();
  const name = path.basename(cluster.cgroupRoot);
  return [cluster.cgroupRoot, ...(cpu === undefined ? [] : [path.join(cpu, name)])];
}

describe('stand-in cluster: start and stop', () => {
  it('leaves no process, cgroup or file, however often it is stopped', async () => {
    const cluster = await startCluster({ images: HOST_IMAGE });
    await cluster.apply(NAMESPACE);
    const ignoring = ['sh', '-c', 'trap "" TERM; while :; do sleep 0.1; done'];
    await cluster.apply(deployment('web', { replicas: 3, command: ignoring }));
    await eventually('both processes of each pod run', () => processesBelow(cluster.cgroupRoot).length >= 6);
    const pids = processesBelow(cluster.cgroupRoot);
    await Promise.all([cluster.stop(), cluster.stop()]);
    await cluster.stop();
    expect(pids.filter(isAlive)).to.deep.equal([]);
    expect(rootsOf(cluster).filter((root) => existsSync(root))).to.deep.equal([]);
    expect(existsSync(cluster.stateDir)).to.equal(false);
  });

  it('keeps a state directory that it did not create', async () => {
    const stateDir = mkdtempSync(path.join(tmpdir(), 'kernscale-test-'));
    try {
      const cluster = await startCluster({ images: {}, stateDir });
      expect(path.dirname(cluster.kubeconfigPath)).to.equal(stateDir);
      await cluster.stop();
      expect(existsSync(stateDir)).to.equal(true);
    } finally {
      rmSync(stateDir, { recursive: true });
    }
  });

  it('runs next to others on addresses of its own', async () => {
    const clusters = await Promise.all([
      startCluster({ images: HOST_IMAGE }),
      startCluster({ images: HOST_IMAGE }),
    ]);
    try {
      const prefixes = await Promise.all(
        clusters.map(async (cluster) => {
          await cluster.apply(NAMESPACE);
          await cluster.apply(deployment('web'));
          const query = ['get', 'pods', '-n', 'shop', '-o=jsonpath={.items[0].status.podIP}'];
          const address = await eventually(
            'the pod has an address',
            async () => (await kubectl(cluster, query)).stdout,
          );
          return address.split('.').slice(0, 2).join('.');
        }),
      );
      expect(new Set(prefixes)).to.have.length(2);
    } finally {
      await Promise.all(clusters.map((cluster) => cluster.stop()));
    }
  });

  it('ends its pods when it is killed, and the next cluster cleans up', async () => {
    const main = fromRoot('sandbox/cluster/main.ts');
    const child = fork(main, [], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      execArgv: ['--import', 'tsx'],
    });
    try {
      const { kubeconfigPath, stateDir, cgroupRoot } = await announced(child);
      const cluster = { kubeconfigPath } as Cluster;
      for (const manifest of [NAMESPACE, deployment('web', { replicas: 2 })]) {
        expect(await kubectl(cluster, ['apply', '-f', '-'], manifest)).to.include({ code: 0 });
      }
      await eventually('both pods run', () => processesBelow(cgroupRoot).length === 4);
      const pids = processesBelow(cgroupRoot);
      child.kill('SIGKILL');
      await eventually('its pods have ended', () => !pids.some(isAlive), 2000);
      expect(existsSync(cgroupRoot)).to.equal(true);
      await (await startCluster({ images: {} })).stop();
      expect([...rootsOf({ cgroupRoot }), stateDir].filter((one) => existsSync(one))).to.deep.equal([]);
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('reports that it cannot create cgroups', async () => {
    const mount = cgroupMounts().unified!;
    const readOnly = `mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"`;
    const main = [process.execPath, '--import', 'tsx', fromRoot('sandbox/cluster/main.ts')];
    const run = promisify(execFile)('unshare', ['--mount', 'sh', '-c', readOnly, mount, ...main]);
    const { code, stderr } = (await run.catch((error: unknown) => error)) as { code: number; stderr: string };
    expect(stderr).to.match(
      /^cluster: cannot create cgroups; .* \[CGROUP_FORBIDDEN\]\nsee docs\/errors\.md#cgroup_forbidden\n$/,
    );
    expect(code).to.equal(1);
  });

  it('cleans up on SIGTERM when run alone', async () => {
    const main = fromRoot('sandbox/cluster/main.ts');
    const child = fork(main, [], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      execArgv: ['--import', 'tsx'],
    });
    const { stateDir, cgroupRoot } = await announced(child);
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).to.equal(0);
    expect([stateDir, cgroupRoot].filter((one) => existsSync(one))).to.deep.equal([]);
  });
});

/** Paths of a cluster, derived from its output. */
async function announced(
  child: ChildProcess,
): Promise<{ kubeconfigPath: string; stateDir: string; cgroupRoot: string }> {
  const [chunk] = (await once(child.stdout!, 'data')) as [Buffer];
  const kubeconfigPath = /KUBECONFIG=(\S+)/.exec(chunk.toString())![1]!;
  const stateDir = path.dirname(kubeconfigPath);
  const instance = path.basename(stateDir).replace(/-\w{6}$/, '');
  return { kubeconfigPath, stateDir, cgroupRoot: path.join(cgroupMounts().unified!, instance) };
}
