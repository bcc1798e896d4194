#!/usr/bin/env node
import { existsSync } from 'node:fs'
import { URL } from 'node:url'

// A checkout runs its TypeScript as it stands, so that the command is never older than the source;
// an installed package or image carries only what the compiler made.
const source = new URL('../src/cli/main.ts', import.meta.url)
if (existsSync(source)) {
  const { register } = await import('tsx/esm/api')
  register()
  await import(source.href)
} else {
  await import(new URL('../dist/src/cli/main.js', import.meta.url).href)
}
