const shared = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } }],
  },
}

/**
 * unit: nothing but the code. integration: embedded databases and brokers, and processes. stack: MySQL or
 * MariaDB, PostgreSQL, Redis and RocketMQ, which are started for these tests alone.
 */
export default {
  projects: [
    { ...shared, displayName: 'unit', testMatch: ['<rootDir>/test/unit/**/*.test.ts'] },
    {
      ...shared,
      displayName: 'integration',
      testMatch: ['<rootDir>/test/{contract,integration,chaos}/**/*.test.ts'],
      globalSetup: '<rootDir>/test/support/create-template.ts',
      globalTeardown: '<rootDir>/test/support/remove-template.ts',
    },
    {
      ...shared,
      displayName: 'stack',
      testMatch: ['<rootDir>/test/stack/**/*.test.ts'],
      globalSetup: '<rootDir>/test/support/start-parts.ts',
      globalTeardown: '<rootDir>/test/support/stop-parts.ts',
    },
  ],
  reporters: ['default', '<rootDir>/test/support/skipped-reporter.js'],
  testTimeout: 180_000,
}
