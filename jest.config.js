const shared = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } }],
  },
}

/** unit: nothing but the code. integration: real databases, brokers and processes. */
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
  ],
  testTimeout: 60_000,
}
