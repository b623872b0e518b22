/** Names of the notice's texts, in the order in which each language lists them. */
const names = [
  'title', 'body', 'refresh', 'hard', 'dismiss', 'close', 'more', 'refreshing', 'done', 'doneBody', 'failed', 'missing', 'prompt',
  'unsaved', 'denied', 'deniedBody', 'logout', 'copy', 'copied', 'what', 'solutions', 'expected', 'keys',
] as const

/**
 * key: name; value: what the notice says. `what`, `solutions` and `expected` are a heading and its items, divided by
 * `|`; `keys` are the keys of a hard refresh as `platform: keys`, for Windows and Linux, Mac, and Safari, divided alike.
 */
export type Texts = Readonly<Record<(typeof names)[number], string>>

/** key: language; value: its texts, a line each. What a language leaves out at the end is said in English. */
const languages: Readonly<Record<string, string>> = {
  en: `⚠️ Authentication Token Issue Detected
Your authentication token may be using an outdated JWT secret.
Refresh Token
Hard Refresh Page
Dismiss
Close
More Information
Refreshing...
✅ Token Refreshed Successfully
Your token was refreshed. Everything should work again.
Refresh Failed
Auth manager not available
A new token is not enough. Please hard refresh this page:
This page has unsaved changes. Click again to discard them.
Access Denied
You do not have permission to access this resource. Please contact an administrator to request access.
Logout
Copy diagnostics
Copied
What happened?|The backend has a new JWT secret.|Your browser may hold a token signed with the previous one.|The backend rejects the old signature.
Solutions:|Automatic: click “Refresh Token”|Manual: click “Hard Refresh Page”|Alternative: clear the cache and reload with these keys:
Expected Result:|No more “JWT verification failed” errors|Tools work|Operations are normal again
Windows/Linux: Ctrl + Shift + R|Mac: Cmd + Shift + R|Safari: Cmd + Option + R`,
  de: `⚠️ Problem mit dem Anmeldetoken erkannt
Ihr Anmeldetoken verwendet möglicherweise ein veraltetes JWT-Geheimnis.
Token erneuern
Seite ganz neu laden
Ausblenden
Schließen
Mehr Informationen
Wird erneuert …
✅ Token erfolgreich erneuert
Ihr Token wurde erneuert. Alles sollte wieder funktionieren.
Erneuern fehlgeschlagen
Anmeldeverwaltung nicht verfügbar
Ein neues Token reicht nicht aus. Bitte laden Sie die Seite ganz neu:
Diese Seite enthält ungespeicherte Änderungen. Klicken Sie noch einmal, um sie zu verwerfen.
Zugriff verweigert
Sie haben keine Berechtigung für diese Ressource. Bitte wenden Sie sich an einen Administrator.
Abmelden
Diagnose kopieren
Kopiert
Was ist passiert?|Der Server hat ein neues JWT-Geheimnis.|Ihr Browser hat vielleicht noch ein Token, das mit dem vorherigen signiert ist.|Der Server lehnt die alte Signatur ab.
Lösungen:|Automatisch: auf „Token erneuern“ klicken|Manuell: auf „Seite ganz neu laden“ klicken|Alternativ: Cache leeren und mit diesen Tasten neu laden:
Erwartetes Ergebnis:|Keine Fehler „JWT verification failed“ mehr|Die Werkzeuge funktionieren|Alles läuft wieder normal
Windows/Linux: Strg + Umschalt + R|Mac: Cmd + Umschalt + R|Safari: Cmd + Option + R`,
  ar: `⚠️ تم اكتشاف مشكلة في رمز المصادقة
قد يكون رمز المصادقة لديك موقّعًا بسر JWT قديم.
تحديث الرمز
إعادة تحميل الصفحة بالكامل
تجاهل
إغلاق
مزيد من المعلومات
جارٍ التحديث...
✅ تم تحديث الرمز بنجاح
تم تحديث رمزك، ومن المفترض أن يعمل كل شيء من جديد.
فشل التحديث
مدير المصادقة غير متاح
الرمز الجديد لا يكفي. يرجى إعادة تحميل الصفحة بالكامل:
في هذه الصفحة تغييرات غير محفوظة. انقر مرة أخرى للتخلي عنها.
تم رفض الوصول
ليس لديك إذن للوصول إلى هذا المورد. يرجى التواصل مع المسؤول لطلب الوصول.
تسجيل الخروج
نسخ بيانات التشخيص
تم النسخ
ماذا حدث؟|لدى الخادم سر JWT جديد.|قد يكون في متصفحك رمز موقّع بالسر السابق.|يرفض الخادم التوقيع القديم.
الحلول:|تلقائيًا: انقر على «تحديث الرمز»|يدويًا: انقر على «إعادة تحميل الصفحة بالكامل»|بديل: امسح ذاكرة التخزين المؤقت وأعد التحميل بهذه المفاتيح:
النتيجة المتوقعة:|لا مزيد من أخطاء «JWT verification failed»|تعمل الأدوات|تعود العمليات إلى طبيعتها`,
}

/** The texts of a language, and how it is written. */
export interface Wording {
  readonly texts: Texts
  /** BCP 47 tag of what is really said. */
  readonly lang: string
  readonly dir: 'ltr' | 'rtl'
}

/** Says things in a language (BCP 47); one that is not known is said in English, but for what the app's own texts say. */
export function wording(language: string, own: Partial<Texts> = {}): Wording {
  const base = language.split('-')[0]!.toLowerCase()
  const known = Object.hasOwn(languages, base) ? base : 'en'
  const usual = languages.en!.split('\n')
  const lines = languages[known]!.split('\n')
  const texts = Object.fromEntries(names.map((name, i) => [name, own[name] ?? lines[i] ?? usual[i]])) as Texts
  const lang = known === base || own.title ? language : 'en'
  return { texts, lang, dir: /^(ar|dv|fa|he|ps|ur|yi)\b/i.test(lang) ? 'rtl' : 'ltr' }
}
