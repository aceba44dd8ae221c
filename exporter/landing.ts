import type { Exporter } from './exporter.js';

/** The page a person sees who opens the exporter's address in a browser. */
export function landingPage(version: string, exporter: Pick<Exporter, 'programs' | 'ready'>): string {
  const rows = exporter.programs.map(
    ({ probe, program, attached, detail }) =>
      `<tr><td>${escape(probe)}</td><td>${escape(program)}</td>` +
      `<td>${attached ? 'attached' : 'not attached'}${detail === '' ? '' : `: ${escape(detail)}`}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Kernscale exporter</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 3rem auto; padding: 0 1rem; color: #1d2433 }
  table { border-collapse: collapse } td { padding: .2rem 1.5rem .2rem 0; border-bottom: 1px solid #dde2ea }
  @media (prefers-color-scheme: dark) { body { background: #12161f; color: #dde2ea } a { color: #8ab4ff } }
</style>
<h1>Kernscale exporter</h1>
<p>Version ${escape(version)}. What the threads of every workload on this node are doing.</p>
<p><a href="/metrics">Metrics</a> · <a href="/-/healthy">Health</a> ·
<a href="/-/ready">${exporter.ready ? 'Ready' : 'Not ready: the list of pods is not in yet'}</a></p>
<table>${rows.join('\n')}</table>
</html>
`;
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
