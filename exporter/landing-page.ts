import { createHash } from 'node:crypto';
import type { ProgramStatus, State } from 'bpf-linker-napi';
import type { Reduced } from './reduced.js';
import type { Busy } from './series/busiest.js';

export interface LandingPage {
  readonly version: string;
  readonly ready: boolean;
  readonly reduced: Reduced | undefined;
  readonly programs: readonly ProgramStatus[];
  /** Empty until the second scrape. */
  readonly busiest: ReadonlyMap<State, readonly Busy[]>;
}

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 3rem auto; padding: 0 1rem; color: #1d2433 }
  h2 { font-size: 1.2rem; margin-top: 2rem }
  table { border-collapse: collapse }
  th, td { padding: .2rem 1.5rem .2rem 0; border-bottom: 1px solid #dde2ea; text-align: left; vertical-align: top }
  th { font-weight: 600 }
  @media (prefers-color-scheme: dark) { body { background: #12161f; color: #dde2ea } a { color: #8ab4ff } }
`;

/** The page needs no script, and nothing from elsewhere. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};

/** Page for a browser at the exporter's address. */
export function landingPage({ version, ready, reduced, programs, busiest }: LandingPage): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Kernscale exporter</title>
<style>${STYLE}</style>
<main>
<h1>Kernscale exporter</h1>
<p>Version ${escape(version)}. Thread states of every workload on this node.</p>
<p><a href="/metrics">Metrics</a> · <a href="/-/healthy">Health</a> ·
<a href="/-/ready">${ready ? 'Ready' : 'Not ready: waiting for the list of pods'}</a></p>
${reduced ? reducedMode(reduced) : ''}<h2>Busiest workloads</h2>
${busiestTable(busiest)}
${programTable(programs)}</main>
</html>
`;
}

function reducedMode({ reason, detail }: Reduced): string {
  return `<h2>Reduced mode</h2>
<p><strong>${escape(detail)} (${reason}).</strong> Only the CPU time and the starvation of cgroups are measured.</p>
`;
}

function busiestTable(busiest: LandingPage['busiest']): string {
  if (busiest.size === 0) return '<p>Known after the second scrape, once a container runs.</p>';
  const rows = [...busiest].map(([state, workloads]) => {
    const list = workloads.map(({ name, threads }) => `${escape(name)} ${threads.toFixed(2)}`).join(', ');
    return `<tr><th scope="row">${state}</th>\n<td>${list}</td></tr>`;
  });
  return `<p>Mean number of threads in each state, between the last two scrapes.</p>
<table>${rows.join('\n')}</table>`;
}

function programTable(programs: readonly ProgramStatus[]): string {
  if (programs.length === 0) return '';
  const attached = programs.filter((program) => program.attached).length;
  // What is missing comes first.
  const rows = [...programs]
    .sort((a, b) => Number(a.attached) - Number(b.attached))
    .map(({ probe, program, attached: isAttached, detail }) => {
      const status = `${isAttached ? 'attached' : 'not attached'}${detail === '' ? '' : `: ${escape(detail)}`}`;
      return `<tr><td>${escape(probe)}</td><td>${escape(program)}</td><td>${status}</td></tr>`;
    });
  return `<h2>BPF programs: ${attached} of ${programs.length} attached</h2>
<table><tr><th scope="col">Probe</th><th scope="col">Program</th><th scope="col">Status</th></tr>
${rows.join('\n')}</table>
`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
