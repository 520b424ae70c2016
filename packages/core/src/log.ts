// What a part may say to those who run the server: facts as an object, and a sentence. A part asks for
// no more than this of whatever logger it is given, so that tests give it two functions.

export type Log = Record<'info' | 'warn', (details: object, message: string) => void>
