// Every text of the dashboard that core does not have (the words of statuses, reasons and refusals are
// core's), in one place, so that a translation is one more table of this type.

import { devicePage } from './words-device.ts'
import { devicesPage } from './words-devices.ts'
import { palette } from './words-palette.ts'

export const english = {
  devicePage,
  devicesPage,
  palette,
  product: 'Muster',
  skip: 'To the content',
  fleets: 'Fleets',
  devicesLink: 'Devices',
  reference: 'API',
  signIn: 'Sign in',
  signOut: 'Sign out',
  email: 'E-mail',
  password: 'Password',
  code: 'Code',
  codeHint: 'Six digits of your authenticator, or a recovery code',
  signInWith: (provider: string) => `Sign in with ${provider}`,
  organization: 'Organization',
  toLight: 'Light colours',
  toDark: 'Dark colours',
  live: 'Live',
  connecting: 'Connecting',
  old: (seconds: number) => `Connection lost: data is ${seconds} s old`,
  again: 'Try again',
  loading: 'Loading',
  notFound: 'There is nothing at this address.',
  toFleets: 'To the fleets',
  search: 'Search fleets',
  searchHint: 'Name or slug',
  sort: 'Sort by',
  sorts: { trouble: 'Trouble first', name: 'Name', devices: 'Most devices' },
  newFleet: 'New fleet',
  name: 'Name',
  create: 'Create',
  cancel: 'Cancel',
  noFleets: 'No fleets yet',
  noFleetsAdvice: 'A fleet is a named set of devices with one policy. Create the first one.',
  noneFound: (q: string) => `No fleet has “${q}” in its name or slug.`,
  noDevices: 'No devices yet',
  devices: (count: number) => (count === 1 ? '1 device' : `${count.toLocaleString()} devices`),
  troubled: (count: number) =>
    count === 1 ? '1 needs somebody' : `${count.toLocaleString()} need somebody`,
  inAll: (fleets: number, devices: number) =>
    `${fleets.toLocaleString()} ${fleets === 1 ? 'fleet' : 'fleets'}, ${devices.toLocaleString()} ${devices === 1 ? 'device' : 'devices'}`,
}

export type Words = typeof english
