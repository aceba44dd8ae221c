// Boundaries between the folders, and no import circles: part of `npm run lint`.

const FOLDERS = ['common', 'exporter', 'grafana', 'native', 'sandbox', 'scaler', 'test'];

/** Forbids `folder` to import from any other folder than the given ones. */
function importsOnly(folder, ...allowed) {
  const forbidden = FOLDERS.filter((other) => other !== folder && !allowed.includes(other));
  return {
    name: `${folder}-imports`,
    severity: 'error',
    comment: `${folder}/ imports ${allowed.length > 0 ? `only ${allowed.join('/ and ')}/` : 'no other folder'}`,
    from: { path: `^${folder}/` },
    to: { path: `^(${forbidden.join('|')})/` },
  };
}

export default {
  forbidden: [
    importsOnly('native'),
    importsOnly('common'),
    importsOnly('grafana'),
    importsOnly('exporter', 'native', 'common'),
    importsOnly('scaler', 'common'),
    importsOnly('sandbox', 'common', 'scaler'),
    {
      name: 'sandbox-runs-the-scaler',
      severity: 'error',
      comment: "the scaler runs as a process here; only the model of HPA shares the core's arithmetic",
      from: { path: '^sandbox/', pathNot: '^sandbox/hpa/' },
      to: { path: '^scaler/' },
    },
    {
      name: 'no-circles',
      severity: 'error',
      comment: 'move what both modules need into one that imports neither',
      from: {},
      to: { circular: true },
    },
  ],
  options: {
    tsPreCompilationDeps: true, // type-only imports count
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
  },
};
