// Text that has a better one: DESIGN section 1's column "never" as far as it can be told without false
// alarms, and the calls that bypass a rule of the house. A word that also has a right use (state, user,
// ping, command) is not here: a rule that cries wolf is switched off.

export type Banned = {
  text: RegExp
  /** Everything, the source without comments, or the code without comments and strings. */
  within: 'everything' | 'source' | 'code'
  where: RegExp
  except?: RegExp
  instead: string
}

const prose = /^(?:README\.md|docs\/|deploy\/|packages\/|sim\/|bench\/|e2e\/)/
const programs = /^(?:packages|sim)\/.*\.tsx?$/
const sources = /^(?:packages|sim|bench|e2e|tools)\/.*\.tsx?$/
const tests = /\.test\.tsx?$/
/** The only files that know real time. */
const clocks = /(?:^|[/-])clock\.ts$/
const thisFile = /^tools\/(?:banned|tidy\.test)\.ts$/

export const banned: readonly Banned[] = [
  {
    text: /\w*tenan(?:t|cy)\w*/gi,
    within: 'everything',
    where: prose,
    instead: 'say organization',
  },
  { text: /\bcheck-?ins?\b/gi, within: 'everything', where: prose, instead: 'say heartbeat' },
  { text: /\bback-?ends?\b/gi, within: 'everything', where: prose, instead: 'say server' },
  {
    text: /\b(?:enrol(?:l|led|ling|ment|s)?|retire[ds]?)\b/gi,
    within: 'everything',
    where: prose,
    instead: 'say provision or deactivate',
  },
  {
    text: /(?<![.\w])(?:setTimeout|setInterval)\(/g,
    within: 'code',
    where: programs,
    except: clocks,
    instead: 'wait with a Clock (`after`, `pause`), which tests and the simulator can move',
  },
  {
    text: /node:timers(?:\/promises)?/g,
    within: 'source',
    where: programs,
    except: clocks,
    instead: 'wait with a Clock (`after`, `pause`), which tests and the simulator can move',
  },
  {
    text: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|\bprocess\.(?:hrtime|uptime)\b/g,
    within: 'code',
    where: programs,
    except: /(?:^|[/-])clock\.ts$|\.test\.ts$|(?:^|\/)fixtures\.ts$/,
    instead: 'ask a Clock for `now()`',
  },
  {
    text: /\bmock\.(?:fn|method|timers|module|getter|setter)\b/g,
    within: 'code',
    where: tests,
    instead: 'use the real part: ports have two real implementations',
  },
  {
    text: /\b(?:it|test|describe)\.only\(|\bonly: true\b/g,
    within: 'code',
    where: tests,
    instead: 'run one test with `npm test -- --only`',
  },
  {
    text: /\b(?:function|const|class) (?:(?:get|handle|process)[A-Z]\w*|\w+(?:Manager|Helper|Utils?)\b)/g,
    within: 'code',
    where: sources,
    instead: 'say what it does: derive, load, read, write, create, open, start',
  },
  {
    text: /\bTODO\b|\bFIXME\b|\bXXX\b|\bHACK\b/g,
    within: 'everything',
    where: /^(?!package-lock)/,
    except: thisFile,
    instead: 'finish it or file it',
  },
  {
    text: /@ts-(?:ignore|nocheck|expect-error)/g,
    within: 'everything',
    where: sources,
    except: thisFile,
    instead: 'give it its true type',
  },
  {
    text: /registry\.npmjs|npmjs\.org|deb\.debian/g,
    within: 'everything',
    where: /./,
    except: thisFile,
    instead: 'leave out the host of a registry: every machine has its own',
  },
  {
    text: /(?<=^|[\s'"`(=:])\/(?:work|tmp|root|home)\/[\w.-]*/gm,
    within: 'everything',
    where: /./,
    except: /\.test\.tsx?$|^tools\/banned\.ts$/,
    instead: 'start from import.meta.dirname, os.tmpdir() or a parameter',
  },
]

/** Names of files that say nothing. */
export const emptyNames = /(?:^|\/)(?:utils?|common|types|helpers?|misc|shared)\.tsx?$/
