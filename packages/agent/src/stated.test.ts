import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reportOf, stageReport } from './stated.ts'

test('configuring is a provisioning state with progress, and configured clears both', () => {
  assert.deepEqual(reportOf({ kind: 'configuring', step: 'Installing', progress: 40 }), {
    provisioning_state: 'Installing',
    provisioning_progress: 40,
  })
  assert.deepEqual(reportOf({ kind: 'configuring', step: 'Installing', progress: null }), {
    provisioning_state: 'Installing',
    provisioning_progress: 0,
  })
  assert.deepEqual(reportOf({ kind: 'configured' }), {
    provisioning_state: '',
    provisioning_progress: null,
  })
})

test('the stage of an image flasher is in the protocol’s own words', () => {
  assert.deepEqual(stageReport(60), {
    provisioning_state: 'Post-Provisioning',
    provisioning_progress: 60,
  })
})

test('an update of the host is an app with one service, in the protocol’s own words', () => {
  const report = reportOf({ kind: 'update', updateStatus: 'applying-changes', progress: 30 })
  const release = report.apps!.host!.releases!.current!
  assert.equal(release.update_status, 'applying changes')
  assert.equal(release.services!.host!.download_progress, 30)
})
