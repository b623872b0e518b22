import {
  mountNotice
} from "./shared-KHCNBKKL.js";
import "./shared-FPVI63QI.js";
export {
  mountNotice
};
