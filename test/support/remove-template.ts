import { rm } from 'node:fs/promises'

export default async function removeTemplate(): Promise<void> {
  await rm(process.env['TEST_FOLDER']!, { recursive: true })
}
