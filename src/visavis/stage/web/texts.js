// The page's words, in each of its languages. Every language has the same keys; a test holds this.

export const TEXTS = {
  en: {
    languageName: "English",
    invitation: "Come closer. Look at me.",
    notice: "This work reads facial expressions. Nothing is recorded.",
    cameraStart: "Let the portrait see you",
    cameraStop: "Stop the camera",
    tools: "Display",
    language: "Language: français",
    fit: "Fill the screen or show the whole painting",
    fullscreen: "Full screen",
    about: "About this work",
    close: "Close",
    aboutWhat:
      "A camera looks for a face; a program reads its expression; the portrait answers with its own. "
      + "It sees movements of the face, not who you are, and what it takes for an emotion may not be what you feel.",
    aboutPrivacy:
      "Pictures of you are looked at for an instant, in memory, and forgotten. They are not stored, and this page "
      + "receives none: only numbers that move the painting.",
    aboutKeys: "Keys: F full screen, C fill or fit, L language, H hide the label, I this page.",
    portrait: "A painted portrait that answers the spectator's expression",
    sourceCamera: "Looking through the camera ({label})",
    sourceStream: "Looking through a network camera",
    sourceFile: "Looking at a video: {label}",
    sourceBrowser: "Looking through your own camera",
    sourceBrowserIdle: "Waiting for your camera",
    sourceScript: "A scripted face is playing",
    fallbackFile: "No camera found. Looking at a video: {label}",
    fallbackScript: "No camera found. A scripted face is playing",
    opening: "Opening the source…",
    lost: "The camera does not answer. Trying again…",
    failed: "The camera has been away for a while. It will be tried again from time to time.",
    connecting: "Connecting…",
    reconnecting: "Connection lost. Reconnecting…",
    noWebgl: "This browser cannot draw the portrait: WebGL 2 is missing or switched off.",
    noRig: "The painting could not be loaded. Trying again…",
    noMotion: "This browser's graphics driver cannot move the painting; it hangs still.",
    cameraDenied: "The camera was not allowed. Allow it in the browser's address bar, then try again.",
    cameraMissing: "No camera was found on this device.",
    cameraInsecure: "Browsers give the camera to secure pages only: open this page as localhost, or by https.",
    cameraBusy: "The portrait is looking at somebody else. One moment…",
  },
  fr: {
    languageName: "Français",
    invitation: "Approchez. Regardez-moi.",
    notice: "Cette œuvre lit les expressions du visage. Rien n’est enregistré.",
    cameraStart: "Laisser le portrait vous voir",
    cameraStop: "Arrêter la caméra",
    tools: "Affichage",
    language: "Langue : English",
    fit: "Remplir l’écran ou montrer tout le tableau",
    fullscreen: "Plein écran",
    about: "À propos de l’œuvre",
    close: "Fermer",
    aboutWhat:
      "Une caméra cherche un visage ; un programme en lit l’expression ; le portrait répond par la sienne. "
      + "Il voit les mouvements du visage, non qui vous êtes, et ce qu’il prend pour une émotion n’est pas forcément ce que vous ressentez.",
    aboutPrivacy:
      "Vos images sont regardées un instant, en mémoire, puis oubliées. Elles ne sont pas conservées, et cette page "
      + "n’en reçoit aucune : seulement des nombres qui animent le tableau.",
    aboutKeys: "Touches : F plein écran, C remplir ou ajuster, L langue, H cacher le cartel, I cette page.",
    portrait: "Un portrait peint qui répond à l’expression du spectateur",
    sourceCamera: "Le portrait regarde par la caméra ({label})",
    sourceStream: "Le portrait regarde par une caméra du réseau",
    sourceFile: "Le portrait regarde une vidéo : {label}",
    sourceBrowser: "Le portrait regarde par votre caméra",
    sourceBrowserIdle: "En attente de votre caméra",
    sourceScript: "Un visage simulé est joué",
    fallbackFile: "Aucune caméra trouvée. Le portrait regarde une vidéo : {label}",
    fallbackScript: "Aucune caméra trouvée. Un visage simulé est joué",
    opening: "Ouverture de la source…",
    lost: "La caméra ne répond pas. Nouvel essai…",
    failed: "La caméra est absente depuis un moment. Elle sera réessayée de temps en temps.",
    connecting: "Connexion…",
    reconnecting: "Connexion perdue. Reconnexion…",
    noWebgl: "Ce navigateur ne peut pas dessiner le portrait : WebGL 2 manque ou est désactivé.",
    noRig: "Le tableau n’a pas pu être chargé. Nouvel essai…",
    noMotion: "Le pilote graphique de ce navigateur ne peut pas animer le tableau ; il reste immobile.",
    cameraDenied: "La caméra n’a pas été autorisée. Autorisez-la dans la barre d’adresse, puis réessayez.",
    cameraMissing: "Aucune caméra n’a été trouvée sur cet appareil.",
    cameraInsecure: "Les navigateurs ne donnent la caméra qu’aux pages sûres : ouvrez cette page par localhost ou en https.",
    cameraBusy: "Le portrait regarde quelqu’un d’autre. Un instant…",
  },
};

/** The language to speak: `?lang=`, else the server's wish, else the browser's first known one, else English. */
export function chooseLanguage(search, wished, preferred) {
  const asked = [new URLSearchParams(search).get("lang"), wished, ...preferred];
  for (const tag of asked) {
    const language = (tag ?? "").toLowerCase().split("-")[0];
    if (language in TEXTS) return language;
  }
  return "en";
}

/** What plays, in words. `source` is that of a state message; `held` tells whether this page's camera is on. */
export function describeSource(texts, source, held) {
  if (source.state !== "playing") return texts[source.state] ?? texts.opening;
  const kind = source.kind[0].toUpperCase() + source.kind.slice(1);
  let text = texts[`source${kind}`] ?? source.label;
  if (source.kind === "browser" && !held) text = texts.sourceBrowserIdle;
  if (source.fallback) text = texts[`fallback${kind}`] ?? text;
  return text.replace("{label}", source.label);
}
