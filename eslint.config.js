import tseslint from 'typescript-eslint';

const CONFIGURATION = ['eslint.config.js', '.dependency-cruiser.js', 'test/unit/coverage.js'];

export default tseslint.config(
  {
    ignores: ['**/dist/', '**/build/', '.cache/', 'test/kernel/truth/', 'test/kernel/protocols/programs/'],
  },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: CONFIGURATION },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 45, skipBlankLines: true, skipComments: true }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['test/**'],
    rules: {
      'max-lines-per-function': 'off',
      '@typescript-eslint/no-unused-expressions': 'off',
      // The Kubernetes client's models are classes in name only: every caller passes plain objects.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-misused-spread': 'off',
    },
  },
  { files: CONFIGURATION, ...tseslint.configs.disableTypeChecked },
);
