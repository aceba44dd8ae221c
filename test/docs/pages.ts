import { readdirSync, readFileSync } from 'node:fs';
import { fromRoot } from '../../sandbox/paths.js';

/** A Markdown page for users or contributors. */
export interface Page {
  /** Relative to the root. */
  readonly path: string;
  readonly text: string;
}

/** A fenced block of code, or one span within a line. */
export interface Code {
  readonly page: string;
  /** Of a fence, as after its backticks; empty for a span. */
  readonly language: string;
  readonly code: string;
}

const FENCE = /^( *)```(\w*)\n([^]*?)^\1```$/gm;
const SPAN = /`([^`\n]+)`/g;

/** All pages that this repository publishes; CHANGELOG.md tells of the past. */
export function pages(): Page[] {
  const docs = readdirSync(fromRoot('docs')).filter((name) => name.endsWith('.md'));
  const others = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md'];
  const rooms = ['manifests', 'sandbox', 'native', 'grafana'].map((room) => `${room}/README.md`);
  return [...others, ...rooms, ...docs.map((name) => `docs/${name}`)].map((path) => ({
    path,
    text: readFileSync(fromRoot(path), 'utf8'),
  }));
}

export function fences({ path, text }: Page): Code[] {
  return [...text.matchAll(FENCE)].map(([, , language, code]) => ({
    page: path,
    language: language!,
    code: code!,
  }));
}

export function spans({ path, text }: Page): Code[] {
  return [...withoutFences(text).matchAll(SPAN)].map(([, code]) => ({
    page: path,
    language: '',
    code: code!.replaceAll(String.raw`\|`, '|'),
  }));
}

/** Targets of links and images. */
export function links({ text }: Page): string[] {
  const prose = withoutFences(text).replaceAll(SPAN, 'code');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
}

/** Names of the headings as GitHub makes them. */
export function anchors({ text }: Page): Set<string> {
  const seen = new Map<string, number>();
  const names = [...withoutFences(text).matchAll(/^#{1,6} (.*)$/gm)].map(([, heading]) => {
    const words = heading!.replaceAll(/[`*]|\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const name = words.replaceAll(/[^\p{L}\p{N}_ -]/gu, '').replaceAll(' ', '-');
    const times = seen.get(name) ?? 0;
    seen.set(name, times + 1);
    return times === 0 ? name : `${name}-${times}`;
  });
  return new Set(names);
}

function withoutFences(text: string): string {
  return text.replaceAll(FENCE, '');
}
