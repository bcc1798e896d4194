import js from '@eslint/js'
import tseslint from 'typescript-eslint'

/** Folders that hold the domain and its tools; the entry points are put together in src/parties.ts. */
const entryPoints = {
  group: ['**/consumers/*', '**/producers/*'],
  message: 'Entry points are wired in src/parties.ts alone.',
}
const platform = {
  group: ['**/platform/**'],
  message: 'The domain is told what to work with: pass it in.',
}
const faces = {
  group: ['**/http/**', '**/cli/**'],
  message: 'The domain does not know who calls it.',
}
const restrict = (...patterns) => ({ 'no-restricted-imports': ['error', { patterns }] })

export default tseslint.config(
  { ignores: ['dist', 'data', 'coverage'] },
  js.configs.recommended,
  tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      // A knex builder that nobody awaits never runs, and its transaction commits without it.
      '@typescript-eslint/no-floating-promises': ['error', { checkThenables: true }],
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_' }],
      '@typescript-eslint/return-await': ['error', 'in-try-catch'],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      'no-console': 'error',
    },
  },
  { files: ['src/**'], ignores: ['src/parties.ts'], rules: restrict(entryPoints) },
  {
    files: ['src/copy/**', 'src/products/**', 'src/*.ts'],
    ignores: ['src/parties.ts'],
    rules: restrict(entryPoints, platform, faces),
  },
  // Types alone: src/parties.ts gives the API what it works with.
  {
    files: ['src/http/**'],
    rules: {
      ...restrict(entryPoints, { group: ['**/cli/**', '**/parties.ts'], message: faces.message }),
      '@typescript-eslint/no-restricted-imports': [
        'error',
        { patterns: [{ ...platform, allowTypeImports: true }] },
      ],
    },
  },
  {
    files: ['src/**', 'consumers/**', 'producers/**', 'test/**', 'demo/**'],
    ignores: ['src/http/**', 'src/platform/rocketmq-client.ts', 'src/platform/rocketmq-mends.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          paths: [
            {
              name: 'rocketmq-client-nodejs',
              message: 'Its faults are mended in src/platform/rocketmq-mends.ts.',
            },
          ],
        },
      ],
    },
  },
  // process.env is read in one place, so that every variable is declared, checked and documented.
  {
    files: ['src/**', 'consumers/**', 'producers/**'],
    ignores: ['src/platform/config.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Read it in src/platform/config.ts.' },
      ],
    },
  },
  { files: ['**/*.js'], extends: [tseslint.configs.disableTypeChecked] },
)
