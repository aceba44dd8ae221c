import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { release, tmpdir } from 'node:os';
import path from 'node:path';
import bcrypt from 'bcryptjs';
import { expect } from 'chai';
import { eventually } from '../eventually.js';
import { findCgroupMount } from '../../exporter/cgroups/mount.js';
import { LoopbackApi } from '../unit/loopback-api.js';
import { ExporterProcess, stop } from './exporter-process.js';
import { requireKernel } from './harness.js';

/** Unique to this run: a killed one may have left cgroups. */
const UID = randomUUID();
const ID = 'ab'.repeat(32);

/** A pod as the API server returns it, whose only container has `id`. */
const podOf = (id: string) => ({
  metadata: {
    namespace: 'shop',
    name: 'web-6d4cf56db6-x7k2p',
    uid: UID,
    labels: { 'pod-template-hash': '6d4cf56db6' },
    ownerReferences: [{ kind: 'ReplicaSet', name: 'web-6d4cf56db6', controller: true }],
  },
  spec: { containers: [{ name: 'web', image: 'web:1', resources: { limits: { cpu: '200m' } } }] },
  status: { containerStatuses: [{ name: 'web', containerID: `containerd://${id}` }] },
});

describe('kernscale-exporter on this kernel', function () {
  this.timeout(90_000);
  let directory: string;
  let root: string;
  let api: LoopbackApi;
  let children: ChildProcess[];

  before(function () {
    requireKernel(() => {
      this.skip();
    });
  });

  beforeEach(async () => {
    children = [];
    directory = mkdtempSync(path.join(tmpdir(), 'kernscale-'));
    root = path.join(findCgroupMount('/proc').mountPoint, `kernscale-test-${process.pid}`);
    api = new LoopbackApi();
    await api.start();
  });

  afterEach(async () => {
    for (const child of children) await stop(child, 'SIGKILL');
    await api.stop();
    rmSync(directory, { recursive: true });
    removeCgroups(root);
    await eventually('the cgroups are gone', () => {
      removeCgroups(root);
      return !existsSync(root);
    });
  });

  /** Creates the cgroup as kind's kubelet does with the systemd driver and containerd. */
  function makeContainer(id: string): string {
    const slice = 'kubelet-kubepods-burstable';
    const pod = `${slice}-pod${UID.replaceAll('-', '_')}.slice`;
    const cgroup = path.join(
      root,
      `kubelet.slice/kubelet-kubepods.slice/${slice}.slice/${pod}/cri-containerd-${id}.scope`,
    );
    mkdirSync(cgroup, { recursive: true });
    return cgroup;
  }

  /**
   * Burns CPU in the cgroup until it is stopped. It is moved there while it waits: of a run during which it moves, the
   * state counters divide the time between the cgroups, and the histogram has all of it in the last.
   */
  async function burnIn(cgroup: string): Promise<ChildProcess> {
    const child = spawn('/bin/sh', ['-c', 'read go; while :; do :; done'], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    children.push(child);
    await eventually('it waits', () => /^\d+ \(sh\) S/.test(readFileSync(`/proc/${child.pid}/stat`, 'utf8')));
    writeFileSync(path.join(cgroup, 'cgroup.procs'), String(child.pid));
    child.stdin.write('go\n');
    return child;
  }

  function start(flags: readonly string[] = [], through: readonly string[] = []): ExporterProcess {
    const kubeconfig = path.join(directory, 'kubeconfig');
    writeFileSync(kubeconfig, api.kubeconfig());
    const exporter = new ExporterProcess(['--kubernetes.kubeconfig', kubeconfig, ...flags], through);
    children.push(exporter.child);
    return exporter;
  }

  /** Values of several series in one scrape. */
  async function values(url: string, ...series: readonly RegExp[]): Promise<(number | undefined)[]> {
    const lines = (await (await fetch(`${url}/metrics`)).text()).split('\n');
    return series.map((one) => {
      const line = lines.find((text) => one.test(text));
      return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ')));
    });
  }
  const value = async (url: string, series: RegExp) => (await values(url, series))[0];
  const FOLDED = /^kernscale_exporter_containers\{state="folded"/;
  const ONCPU =
    /^kernscale_state_seconds_total\{namespace="shop",.*container="web",workload="web",.*state="oncpu"/;

  it('measures the units of a host without Kubernetes', async () => {
    const unit = path.join(root, 'system.slice', 'batch@1.service');
    mkdirSync(unit, { recursive: true });
    const url = await start(['--source', 'host']).url();
    expect((await fetch(`${url}/-/ready`)).status).to.equal(200);
    await burnIn(unit);
    const series =
      /^kernscale_state_seconds_total\{namespace="system",pod="batch@1.service",container="",workload="batch",workload_kind="SystemdUnit",state="oncpu"/;
    await eventually('the unit has run', async () => ((await value(url, series)) ?? 0) > 0.1, 15_000);
    expect(api.requests, 'requests to an API server').to.deep.equal([]);
  });

  it('measures a container from start to end, and drops its series afterwards', async () => {
    api.put(podOf(ID));
    const exporter = start(['--containers.keep-dead', '2s', '--kubernetes.node-name', 'n1']);
    const url = await exporter.url();
    await eventually('it is ready', async () => (await fetch(`${url}/-/ready`)).status === 200);
    expect(api.requests[0]!.url.searchParams.get('fieldSelector')).to.equal('spec.nodeName=n1');

    const cgroup = makeContainer(ID);
    await eventually('the container is tracked', async () => (await value(url, ONCPU)) === 0);
    const burner = await burnIn(cgroup);
    await eventually('it has run for a second', async () => ((await value(url, ONCPU)) ?? 0) > 1, 15_000);
    const truth = usageSeconds(cgroup);
    expect(await value(url, ONCPU)).to.be.within(truth * 0.95, usageSeconds(cgroup) * 1.05 + 0.2);
    expect(await value(url, /^kernscale_container_cpu_limit_cores/)).to.equal(0.2);

    await stop(burner, 'SIGKILL');
    await eventually('its cgroup can be removed', () => {
      removeCgroups(cgroup);
      return !existsSync(cgroup);
    });
    await eventually('it is terminated', async () => {
      return (await value(url, /^kernscale_exporter_containers\{state="terminated"/)) === 1;
    });
    // A run on a CPU is observed when it ends, on an idle machine only once the burner is killed.
    const [counted, observed] = await values(url, ONCPU, /^kernscale_oncpu_seconds_sum/);
    expect(counted).to.be.greaterThan(truth * 0.95);
    expect(observed).to.be.closeTo(counted!, counted! * 0.01);
    await eventually('its series vanish', async () => (await value(url, ONCPU)) === undefined);

    expect(await stop(exporter.child, 'SIGTERM')).to.equal(0);
    expect(exporter.log).not.to.match(/level=(warn|error)/);
  });

  it('counts containers that live for 50 ms as part of their pod', async () => {
    api.put(podOf(ID));
    const url = await start().url();
    makeContainer(ID);
    await eventually('the pod is known', async () => (await value(url, ONCPU)) === 0);
    let truth = 0;
    for (let i = 0; i < 20; i++) {
      const cgroup = makeContainer(i.toString(16).padStart(64, '0'));
      const command = `echo $$ > ${cgroup}/cgroup.procs; exec timeout 0.05 sh -c 'while :; do :; done'`;
      await once(spawn('/bin/sh', ['-c', command]), 'exit');
      truth += usageSeconds(cgroup);
      removeCgroups(cgroup);
    }
    expect(truth).to.be.greaterThan(0.1);
    const counted = async () => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const lines = text.match(/^kernscale_state_seconds_total\{namespace="shop".*state="oncpu"\} .*$/gm)!;
      return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
    };
    await eventually('all of it is counted', async () => (await counted()) > truth * 0.95, 20_000);
    expect(await counted()).to.be.lessThan(truth * 1.05 + 0.02);
  });

  it('loses nothing while the API server is down at the start', async () => {
    api.put(podOf(ID));
    await api.stop();
    const cgroup = makeContainer(ID);
    const exporter = start();
    const url = await exporter.url();
    await burnIn(cgroup);
    await eventually('it has used half a second of CPU', () => usageSeconds(cgroup) > 0.5, 15_000);
    expect((await fetch(`${url}/-/ready`)).status).to.equal(503);
    expect(await value(url, ONCPU)).to.equal(undefined);
    expect(await value(url, /^kernscale_exporter_containers\{state="unknown"/)).to.be.at.least(1);
    await api.start();
    await eventually('it is ready', async () => (await fetch(`${url}/-/ready`)).status === 200, 10_000);
    expect(await value(url, ONCPU)).to.be.greaterThan(0.45);
  });

  it('drops its capabilities once attached, and keeps measuring', async () => {
    api.put(podOf(ID));
    const exporter = start();
    const url = await exporter.url();
    const threads = threadStatuses(exporter.child.pid!);
    expect(threads.length).to.be.greaterThan(5);
    const kept = bpfIsRefusedWithout() ? 1n << CAP_BPF : 0n;
    for (const status of threads) {
      const [permitted, effective, ...others] = ['CapPrm', 'CapEff', 'CapInh', 'CapBnd', 'CapAmb'].map(
        (set) => BigInt(`0x${status.get(set)!}`),
      );
      expect([permitted, effective]).to.deep.equal([kept, kept]);
      expect(others).to.deep.equal([0n, 0n, 0n]);
      expect(status.get('NoNewPrivs')).to.equal('1');
    }

    await eventually('it is ready', async () => (await fetch(`${url}/-/ready`)).status === 200);
    const cgroup = makeContainer(ID);
    await eventually('the container is tracked', async () => (await value(url, ONCPU)) === 0);
    await burnIn(cgroup);
    await eventually('it has run', async () => ((await value(url, ONCPU)) ?? 0) > 0.3, 15_000);
    expect(threadStatuses(exporter.child.pid!).every((status) => status.get('NoNewPrivs') === '1')).to.equal(
      true,
    );
  });

  it('needs only CAP_BPF and CAP_PERFMON, and no writable file system', async () => {
    api.put(podOf(ID));
    const readOnly = `for at in / ${findCgroupMount('/proc').mountPoint}; do mount -o remount,bind,ro "$at" || exit 9; done; exec "$@"`;
    const exporter = start(
      [],
      [
        ...['unshare', '--mount', 'sh', '-c', readOnly, 'sh'],
        ...['setpriv', '--bounding-set=-all,+bpf,+perfmon', '--inh-caps=-all', '--no-new-privs'],
      ],
    );
    const url = await exporter.url();
    expect(await value(url, /^kernscale_probe_attached\{probe="scheduler"/)).to.equal(1);
    expect(exporter.log).not.to.match(/level=(warn|error)/);
  });

  it('serves only clients that the web configuration admits', async () => {
    const file = path.join(directory, 'web.yaml');
    writeFileSync(file, `basic_auth_users: {ann: ${bcrypt.hashSync('secret', 4)}}`);
    const url = await start(['--web.config.file', file]).url();
    const authorization = `Basic ${btoa('ann:secret')}`;
    expect((await fetch(`${url}/metrics`)).status).to.equal(401);
    expect((await fetch(`${url}/metrics`, { headers: { authorization } })).status).to.equal(200);
  });

  it('measures up to the configured number of containers, and counts the others as folded', async () => {
    api.put(podOf(ID));
    makeContainer(ID);
    const few = await start(['--containers.max', '1']).url();
    await eventually('one has no slot', async () => (await value(few, FOLDED))! > 0);
    const many = await start(['--containers.max', '8192']).url();
    await eventually('it is exported', async () => (await value(many, ONCPU)) === 0);
    expect(await value(many, FOLDED)).to.equal(0);
  });

  it('attaches only the configured probes', async () => {
    const exporter = start(['--no-probe.tcp', '--no-probe.sampling']);
    const url = await exporter.url();
    expect(await value(url, /^kernscale_probe_attached\{probe="scheduler"/)).to.equal(1);
    expect(await value(url, /^kernscale_probe_attached\{probe="(tcp|sampling)".* 1$/)).to.equal(undefined);
  });

  it('exits with an error and where to read on when its port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const exporter = start(['--web.listen-address', `127.0.0.1:${port}`]);
    const [status] = (await once(exporter.child, 'exit')) as [number];
    other.close();
    expect(status).to.equal(1);
    expect(exporter.log.trim().split('\n')).to.deep.equal([
      `kernscale-exporter: another process is listening on 127.0.0.1:${port}; stop it or choose another with --web.listen-address [PORT_BUSY]`,
      'see docs/errors.md#port_busy',
    ]);
  });
});

const CAP_BPF = 39n;

/** Fields of `/proc/<pid>/task/<tid>/status` of every thread. */
function threadStatuses(pid: number): Map<string, string>[] {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).map((thread) => {
    const lines = readFileSync(path.join(tasks, thread, 'status'), 'utf8')
      .trim()
      .split('\n');
    return new Map(lines.map((line) => line.split(/:\s*/, 2) as [string, string]));
  });
}

/** Before Linux 5.19 (c8644cd0efe7) open maps need CAP_BPF too if unprivileged bpf(2) is disabled. */
function bpfIsRefusedWithout(): boolean {
  const [major, minor] = release().split('.').map(Number) as [number, number];
  const disabled = readFileSync('/proc/sys/kernel/unprivileged_bpf_disabled', 'utf8').trim() !== '0';
  return disabled && (major < 5 || (major === 5 && minor < 19));
}

/** CPU time of the cgroup by the kernel's account. */
function usageSeconds(cgroup: string): number {
  const stat = readFileSync(path.join(cgroup, 'cpu.stat'), 'utf8');
  return Number(/usage_usec (\d+)/.exec(stat)![1]) / 1e6;
}

/** Removes the cgroup and its descendants, except for those in which a process has not ended yet. */
function removeCgroups(cgroup: string): void {
  if (!existsSync(cgroup)) return;
  for (const entry of readdirSync(cgroup, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroups(path.join(cgroup, entry.name));
  }
  try {
    rmdirSync(cgroup);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
  }
}
