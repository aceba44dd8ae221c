import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { cpuStatSeconds } from '../../exporter/cgroups/accounts.js';
import { parseCgroupPath, parsePodPath } from '../../exporter/cgroups/path.js';
import { knownPod, indexPods } from '../../exporter/identity/pods.js';
import { ContainerTable } from '../../exporter/series/containers.js';
import { Starvation } from '../../exporter/series/starvation.js';
import { Fields } from '../../common/fields.js';
import { eventually } from '../eventually.js';
import { LoopbackApi } from '../unit/loopback-api.js';
import { ExporterProcess } from './exporter-process.js';
import { buildTruth, requireKernel, Sandbox, type Group } from './harness.js';
import { cgroupRoot } from './mounts.js';
import { useKernel } from './suite.js';

const ID = 'cd'.repeat(32);
const REFUSE = path.join(import.meta.dirname, 'build', 'refuse.so');

const podOf = (uid: string, name: string) => ({
  metadata: { namespace: 'shop', name, uid },
  spec: { containers: [{ name: 'web', image: 'web:1' }] },
  status: {
    containerStatuses: [{ name: 'web', containerID: `containerd://${ID}`, state: { running: {} } }],
  },
});

/** Cgroups of a pod as a kubelet lays them out, in a sandbox of its own name. */
function podGroups(sandbox: Sandbox, uid: string): Record<'pod' | 'container' | 'outside', Group> {
  const pod = sandbox.group(undefined, `kubepods/pod${uid}`);
  const container = sandbox.group(undefined, `kubepods/pod${uid}/${ID}`);
  return { pod, container, outside: sandbox.group(undefined, `kubepods/pod${uid}/sandbox`) };
}

const WAYS = [
  {
    reason: 'no_btf',
    through: ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /sys/kernel/btf && exec "$@"', 'sh'],
    says: '/sys/kernel/btf/vmlinux cannot be read',
  },
  {
    reason: 'no_rights',
    through: ['setpriv', '--bounding-set=-all', '--inh-caps=-all'],
    says: 'CAP_BPF and CAP_PERFMON missing',
  },
  {
    reason: 'refused',
    through: ['env', `LD_PRELOAD=${REFUSE}`, 'REFUSE_ALL=1'],
    says: 'the BPF programs cannot be loaded (Operation not permitted)',
  },
] as const;

describe('a node whose threads cannot be seen', function () {
  this.timeout(90_000);
  let directory: string;
  let sandbox: Sandbox;
  let api: LoopbackApi;
  let exporter: ExporterProcess | undefined;

  before(function () {
    requireKernel(() => {
      this.skip();
    });
    buildTruth();
  });

  beforeEach(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'kernscale-'));
    sandbox = new Sandbox();
    sandbox.group(undefined, 'kubepods');
    api = new LoopbackApi();
    await api.start();
  });

  afterEach(async () => {
    await exporter?.stop('SIGKILL');
    await api.stop();
    await sandbox.dispose();
    rmSync(directory, { recursive: true });
  });

  for (const { reason, through, says } of WAYS)
    it(`has CPU time and starvation, and the reason everywhere: ${reason}`, async () => {
      const [seen, opaque] = [randomUUID(), randomUUID()];
      api.put(podOf(seen, 'web-1'));
      api.put(podOf(opaque, 'kata-1'));
      const ordinary = podGroups(sandbox, seen);
      const outside = podGroups(sandbox, opaque);
      await ordinary.container.run('burn', [], { oneCpu: true });
      await outside.outside.run('burn', [], { oneCpu: true });
      writeFileSync(path.join(directory, 'kubeconfig'), api.kubeconfig());
      exporter = new ExporterProcess(
        ['--kubernetes.kubeconfig', path.join(directory, 'kubeconfig')],
        through,
      );
      const url = await exporter.url();
      await eventually('it is ready', async () => (await fetch(`${url}/-/ready`)).status === 200);

      const lines = (await (await fetch(`${url}/metrics`)).text()).split('\n');
      const value = (name: string, pod: string, container: string, more = '') => {
        const labels = `namespace="shop",pod="${pod}",container="${container}",workload="${pod}",workload_kind="Pod"`;
        const line = lines.find((one) => one.startsWith(`${name}{${labels}${more}} `));
        return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ')));
      };
      const oncpu = (pod: string, container: string) =>
        value('kernscale_state_seconds_total', pod, container, ',state="oncpu"');
      expect(oncpu('web-1', 'web')).to.be.within(
        0.05,
        cpuStatSeconds(ordinary.container.path, 'usage_usec')!,
      );
      expect(oncpu('kata-1', '')).to.be.within(0.05, cpuStatSeconds(outside.pod.path, 'usage_usec')!);
      expect(oncpu('kata-1', 'web'), 'of an empty cgroup').to.equal(undefined);
      // Both want the same CPU.
      expect(value('kernscale_cpu_starved_seconds_total', 'web-1', '')).to.be.greaterThan(0);
      expect(value('kernscale_container_opaque', 'web-1', '', `,reason="${reason}"`)).to.equal(1);
      expect(lines).to.include(`kernscale_exporter_reduced{reason="${reason}"} 1`);
      expect(lines.filter((line) => line.includes('namespace="shop"')).join('\n')).not.to.match(
        /state="(?!oncpu)|_tcp_|_blockio_|_samples_|_offcpu_|_runqueue_|_serving_/,
      );
      expect(exporter.log.match(/reduced mode/g), 'log').to.have.length(1);
      expect(exporter.log).to.include(`reason=${reason}`).and.include(says);
      expect(await (await fetch(`${url}/-/ready`)).text()).to.include(says);
      const page = await fetch(url, { headers: { accept: 'text/html' } });
      expect(await page.text())
        .to.include('<h2>Reduced mode</h2>')
        .and.include(`(${reason})`)
        .and.include(says);
      expect(await exporter.stop('SIGTERM')).to.equal(0);
    });
});

describe('a pod whose processes are outside of their container’s cgroup', function () {
  this.timeout(30_000);
  const kernel = useKernel({});

  it('has the CPU time and starvation of its pod, and no other state', async () => {
    const uid = randomUUID();
    kernel.sandbox.group(undefined, 'kubepods');
    const groups = podGroups(kernel.sandbox, uid);
    const table = new ContainerTable(
      kernel.probes,
      { ignoreNamespaces: /^$/, keepSeconds: 30 },
      new Starvation(cgroupRoot(), kernel.probes),
    );
    const found = [groups.pod, groups.container].map(({ id, path: directory }) => {
      const below = directory.slice(cgroupRoot().length);
      return [id, { ...(parseCgroupPath(below) ?? parsePodPath(below)!), path: below }] as const;
    });
    table.observe(new Map(found), 0);
    table.setPods(indexPods([knownPod(Fields.of(podOf(uid, 'kata-1')))]), 0);
    await groups.outside.run('burn');
    await eventually('it runs', () => cpuStatSeconds(groups.pod.path, 'usage_usec')! > 0.3);
    const series = table.series(kernel.probes.read(), 61);
    expect(series.map(({ identity, opaque }) => [identity.container, opaque])).to.deep.equal([
      ['', 'sandboxed'],
      ['web', 'sandboxed'],
    ]);
    const [pod, container] = series.map(({ counters }) => counters.stateSeconds.oncpu);
    const truth = cpuStatSeconds(groups.pod.path, 'usage_usec')!;
    expect(pod).to.be.closeTo(truth, 0.05 + 0.1 * truth);
    expect(container).to.equal(0);
    expect(series[0]!.starvedSeconds).to.be.a('number');
  });
});
