import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '../../../common/errors.js';
import type { Container, Probe } from '../objects/pod.js';

/** Outcome of one check; `message` is for a failed one. */
export interface ProbeResult {
  ok: boolean;
  message: string;
}

export interface ProbeTarget {
  container: Container;
  address: string;
  /** Runs a command in the container's cgroups, for exec probes. */
  execute(command: readonly string[], timeoutSeconds: number): Promise<ProbeResult>;
}

/**
 * Probes until aborted. Calls `onChange` when the result changes according to the thresholds, and `onFailure` after
 * every failed check.
 */
export async function runProbe(
  probe: Probe,
  target: ProbeTarget,
  listeners: { onChange(ok: boolean): void; onFailure(message: string): void },
  signal: AbortSignal,
): Promise<void> {
  const pause = (seconds = 0): Promise<boolean> =>
    sleep(seconds * 1000, true, { signal, ref: false }).catch(() => false);
  let successes = 0;
  let failures = 0;
  let healthy: boolean | undefined;
  for (let live = await pause(probe.initialDelaySeconds); live; live = await pause(probe.periodSeconds)) {
    const result = await check(probe, target);
    if (signal.aborted) return;
    if (!result.ok) listeners.onFailure(result.message);
    successes = result.ok ? successes + 1 : 0;
    failures = result.ok ? 0 : failures + 1;
    const decided = result.ok ? successes >= probe.successThreshold : failures >= probe.failureThreshold;
    if (!decided || result.ok === healthy) continue;
    healthy = result.ok;
    listeners.onChange(healthy);
  }
}

async function check(probe: Probe, target: ProbeTarget): Promise<ProbeResult> {
  const timeout = probe.timeoutSeconds * 1000;
  try {
    if (probe.httpGet) return await checkHttp(probe.httpGet, target, timeout);
    if (probe.tcpSocket)
      return await checkTcp(portOf(target.container, probe.tcpSocket.port), target.address, timeout);
    return await target.execute(probe.exec!.command, probe.timeoutSeconds);
  } catch (error) {
    return { ok: false, message: errorMessage(error) };
  }
}

/** A status from 200 to 399 is success, as for the kubelet. */
function checkHttp(
  { path, port, scheme }: NonNullable<Probe['httpGet']>,
  { container, address }: ProbeTarget,
  timeout: number,
): Promise<ProbeResult> {
  const options = {
    host: address,
    port: portOf(container, port),
    path,
    agent: false,
    rejectUnauthorized: false,
    headers: { 'user-agent': 'kube-probe/1.36', connection: 'close' },
    signal: AbortSignal.timeout(timeout),
  };
  return new Promise((resolve, reject) => {
    const request = (scheme === 'HTTPS' ? httpsRequest : httpRequest)(options, (response) => {
      const status = response.statusCode ?? 0;
      response.destroy();
      resolve({ ok: status >= 200 && status < 400, message: `HTTP probe failed with statuscode: ${status}` });
    });
    request.on('error', reject).end();
  });
}

function checkTcp(port: number, host: string, timeout: number): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout });
    socket.on('connect', () => {
      socket.destroy();
      resolve({ ok: true, message: '' });
    });
    socket.on('timeout', () => socket.destroy(new Error(`connecting to ${host}:${port} timed out`)));
    socket.on('error', reject);
  });
}

/** A probe's port may be the name of one of the container's ports. */
function portOf({ ports = [] }: Container, port: number | string): number {
  const found = typeof port === 'number' ? port : ports.find(({ name }) => name === port)?.containerPort;
  if (found === undefined) throw new Error(`the container has no port named ${port}`);
  return found;
}
