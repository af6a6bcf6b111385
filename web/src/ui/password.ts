/** A password that is set has at least so many characters; the server checks it too. */
export const PASSWORD_LEAST = 12;
