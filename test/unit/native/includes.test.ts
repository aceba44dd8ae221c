import { readdirSync, readFileSync } from 'node:fs';
import { join, parse } from 'node:path';
import { expect } from 'chai';
import { fromRoot } from '../../../sandbox/paths.js';

/** By module (a source and its header): the modules of the same folder whose headers it includes. */
function includes(folder: string): Map<string, Set<string>> {
  const files = readdirSync(fromRoot(folder)).filter((name) => /\.[ch]$/.test(name));
  const modules = new Map<string, Set<string>>();
  for (const file of files) {
    const { name } = parse(file);
    const text = readFileSync(fromRoot(join(folder, file)), 'utf8');
    const headers = [...text.matchAll(/^#include "([^"]+)"$/gm)].map(([, header]) => header!);
    const others = headers.filter((header) => files.includes(header)).map((header) => parse(header).name);
    const known = modules.get(name) ?? new Set();
    modules.set(name, new Set([...known, ...others.filter((other) => other !== name)]));
  }
  return modules;
}

/** Modules that depend on each other: what is left after removing those without dependencies, again and again. */
function circles(modules: Map<string, Set<string>>): string[] {
  const left = new Map(modules);
  for (;;) {
    const leaves = [...left].filter(([, others]) => ![...others].some((other) => left.has(other)));
    if (leaves.length === 0) return [...left.keys()];
    for (const [name] of leaves) left.delete(name);
  }
}

describe('includes of the C sources', () => {
  for (const folder of ['native/src', 'native/bpf', 'sandbox/workloads']) {
    it(`${folder} has no circles`, () => {
      const modules = includes(folder);
      expect(modules.size).to.be.above(0);
      expect(circles(modules)).to.deep.equal([]);
    });
  }
});
